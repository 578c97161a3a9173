package kafkadoor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/clew-tracing/clew/ingest/kafkadoor"
)

// TestSASL: a door that shows who it is gets its messages, with each mechanism; with a
// wrong password it gets none, and no password is ever in the log.
func TestSASL(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic), kfake.EnableSASL(), kfake.Superuser("PLAIN", "sender", "pw"),
		kfake.Superuser("PLAIN", "clew", "s3cret-plain"), kfake.Superuser("SCRAM-SHA-256", "clew", "s3cret-256"), kfake.Superuser("SCRAM-SHA-512", "clew", "s3cret-512"))
	k.connect(kgo.SASL(plain.Auth{User: "sender", Pass: "pw"}.AsMechanism()))
	k.put(message(topic, 0, "", request(t, 1)))
	file := filepath.Join(t.TempDir(), "password")
	for mechanism, password := range map[string]string{kafkadoor.Plain: "s3cret-plain", kafkadoor.ScramSHA256: "s3cret-256", kafkadoor.ScramSHA512: "s3cret-512"} {
		var log logged
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("s3cret-wrong\n")
		cfg := k.config(store(t), protoTopic)
		cfg.Group, cfg.SASL, cfg.Logger = mechanism, kafkadoor.SASL{Mechanism: mechanism, User: "clew", PasswordFile: file}, log.logger()
		d, stop := begin(t, cfg)
		await(t, "it is told that it may not", func() bool {
			return strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "does not let this server in")
		})
		if d.Stats().Requests != 0 {
			t.Errorf("%s: a wrong password opens the door", mechanism)
		}
		write(password + "\r\n") // which is read again
		await(t, "the message is there", func() bool { return d.Stats().Accepted == 1 })
		stop()
		if strings.Contains(log.String(), "s3cret") {
			t.Errorf("%s: the log has a password:\n%s", mechanism, log.String())
		}
	}
}

// TestSecrets: what is wrong with the file of a password is said, without what is in it.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string][2]string{"a": {"a", ""}, "a\nb\nc\n": {"a", "b"}, "a b \r\n\r\n": {"a b ", ""}} {
		file := filepath.Join(dir, "password")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (kafkadoor.SASL{PasswordFile: file}).Secrets(); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	file := filepath.Join(dir, "empty")
	if err := os.WriteFile(file, []byte("\nsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(dir, "none")} {
		if _, err := (kafkadoor.SASL{PasswordFile: name}).Secrets(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// certificate is a self-signed one for 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafka"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestTLS: brokers that speak TLS and ask for a certificate are spoken to.
func TestTLS(t *testing.T) {
	pair, pool := certificate(t)
	k := startKafka(t, kfake.SeedTopics(1, topic), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}))
	client := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	k.connect(kgo.DialTLSConfig(client))
	k.put(message(topic, 0, "", request(t, 1)))
	cfg := k.config(store(t), protoTopic)
	cfg.TLS = client
	d, stop := begin(t, cfg)
	await(t, "the message is there", func() bool { return d.Stats().Accepted == 1 })
	stop()
}

// TestNoBroker: a broker that is not there is waited for, said in the log, and does not hold
// up the end.
func TestNoBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // nobody is there
	var log logged
	cfg := kafkadoor.Config{Brokers: []string{l.Addr().String()}, Topics: []kafkadoor.Topic{protoTopic}, Group: "clew", Tenant: "default", Logger: log.logger()}
	_, stop := begin(t, cfg)
	await(t, "the log says so", func() bool { return strings.Contains(log.String(), "level=WARN") })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the end took %v", took)
	}
}
