package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// writeCertificate writes a self-signed certificate for 127.0.0.1 of that name
// and returns a pool that trusts it.
func writeCertificate(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return pool
}

// TestTLS sends over TLS through both doors, reads over TLS, and changes the
// certificate of the running server.
func TestTLS(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	settings := filepath.Join(dir, "clew.yaml")
	keep := func(certificates string) {
		t.Helper()
		text := fmt.Sprintf("tls-cert: %s\ntls-key: %s\n", filepath.Join(certificates, "cert.pem"), filepath.Join(certificates, "key.pem"))
		if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := writeCertificate(t, dir, "first")
	keep(dir)
	p := startServer(t, dir, "--config", settings)
	ctx, trust := context.Background(), &tls.Config{RootCAs: pool}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}
	grpcExporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(p.addresses[serve.DoorOTLPGRPC][0]), otlptracegrpc.WithTLSCredentials(credentials.NewTLS(trust)))
	if err != nil {
		t.Fatal(err)
	}
	httpExporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(p.addresses[serve.DoorOTLPHTTP][0]), otlptracehttp.WithTLSClientConfig(trust))
	if err != nil {
		t.Fatal(err)
	}
	for name, exporter := range map[string]*otlptrace.Exporter{"grpc": grpcExporter, "http": httpExporter} {
		id := shop(t, exporter, name)
		resp, err := client.Get("https://" + p.addresses[serve.DoorPage][0] + "/api/v1/traces/" + id.String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Errorf("%s: the trace is answered with %s over HTTP/%d, want 200 over HTTP/2", name, resp.Status, resp.ProtoMajor)
		}
	}

	for _, door := range []string{serve.DoorTempo, serve.DoorJaegerGRPC, serve.DoorPage} {
		conn, err := grpc.NewClient(p.addresses[door][0], grpc.WithTransportCredentials(credentials.NewTLS(trust)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		method := "/tempopb.StreamingQuerier/SearchTags"
		if door == serve.DoorJaegerGRPC {
			method = "/jaeger.api_v2.QueryService/GetServices"
		}
		files, err := protocolOf(method)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&apitest.Client{Conn: conn, Files: files}).Call(ctx, method, `{}`); err != nil || len(got) != 1 {
			t.Errorf("gRPC over TLS at %s: %v, %v", door, got, err)
		}
		services := []string{"", "tempopb.StreamingQuerier", "jaeger.api_v3.QueryService"}
		switch door {
		case serve.DoorTempo:
			services = services[:2]
		case serve.DoorJaegerGRPC:
			services = []string{"", services[2]}
		}
		for _, service := range services {
			got, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
			if err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("the health of %q at %s: %v, %v", service, door, got, err)
			}
			ask, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_ = ask.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: cmp.Or(service, "grpc.health.v1.Health")}})
			if told, err := ask.Recv(); err != nil || told.GetFileDescriptorResponse() == nil {
				t.Errorf("what describes %q at %s: %v, %v", service, door, told, err)
			}
		}
	}

	for door, service := range map[string]string{serve.DoorOTLPGRPC: "opentelemetry.proto.collector.trace.v1.TraceService", serve.DoorJaegerPost: "jaeger.api_v2.CollectorService"} {
		conn, err := grpc.NewClient(p.addresses[door][0], grpc.WithTransportCredentials(credentials.NewTLS(trust)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, name := range []string{"", service} {
			if got, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: name}); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("the health of %q at %s: %v, %v", name, door, got, err)
			}
		}
		if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: "tempopb.StreamingQuerier"}); status.Code(err) != codes.NotFound {
			t.Errorf("the health of what %s has not: %v", door, err)
		}
	}

	reloads := 0
	f := func(want, said string) {
		t.Helper()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if reloads++; !p.log.await("settings reloaded", reloads, p.exited) {
			t.Fatalf("the server has gone:\n%s", p.log)
		}
		conn, err := tls.Dial("tcp", p.addresses[serve.DoorPage][0], &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if name := conn.ConnectionState().PeerCertificates[0].Subject.CommonName; name != want {
			t.Errorf("after the reload the certificate is %q, want the %s", name, want)
		}
		if !strings.Contains(p.log.String(), "settings reloaded\" "+said) {
			t.Errorf("the log does not say %s:\n%s", said, p.log)
		}
	}
	writeCertificate(t, dir, "second")
	f("second", "changed=nothing")
	writeCertificate(t, other, "third")
	keep(other)
	f("third", `changed="tls-cert tls-key"`)
}
