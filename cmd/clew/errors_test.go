package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/usage"
)

// TestAnswersOfOtherServers asks servers that are not clew's page: the error says
// what answers and what to do.
func TestAnswersOfOtherServers(t *testing.T) {
	f := func(status int, kind, body string, want ...string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		defer server.Close()
		for _, command := range []string{"search", "services", "tail", "trace 5b8efff798038103d269b633813fc60c"} {
			_, _, err := cli([]string{"CLEW_SERVER=" + server.URL}, strings.Fields(command)...)
			if err == nil || errors.Is(err, usage.Err) {
				t.Errorf("clew %s: %d %s: error %v, want one that is no mistake of usage", command, status, kind, err)
				continue
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("clew %s: %d %s: error %q does not say %q", command, status, kind, err, w)
				}
			}
			if strings.Contains(err.Error(), "<") || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("clew %s: %d %s: error %q has markup", command, status, kind, err)
			}
		}
	}
	const other = "does not answer as clew's API does: "
	f(404, "text/html;charset=utf-8", "<!DOCTYPE HTML>", other+"the server answered 404 Not Found; name", "--server")
	f(501, "text/plain", "no\x1b[31mPOST\nhere", other+"the server answered 501 Not Implemented: no", "--server")
	f(405, "application/json", `{"code":12,"message":"POST traces to /v1/traces"}`, other+"POST traces to /v1/traces; name")
	f(404, "application/x-protobuf", "\x12\x04door", other+"door; name")
	f(404, "application/json", `{"error":{"kind":"notFound","message":"no such trace"}}`, "no such trace")
	f(401, "application/json", `{"error":{"kind":"invalid","message":"who are you?"}}`, "who are you?; give a token with CLEW_TOKEN")
	f(401, "", "", "401 Unauthorized; give a token with CLEW_TOKEN")
	f(503, "text/plain", "upstream is away", "the server answered 503 Service Unavailable: upstream is away")
}

// TestServersThatCannotBeReached names what is in the way.
func TestServersThatCannotBeReached(t *testing.T) {
	silent := log.New(io.Discard, "", 0)
	plain, secure := httptest.NewUnstartedServer(http.NotFoundHandler()), httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ErrorLog, secure.Config.ErrorLog = silent, silent
	plain.Start()
	defer plain.Close()
	secure.StartTLS()
	defer secure.Close()
	f := func(server string, want ...string) {
		t.Helper()
		_, _, err := cli([]string{"CLEW_SERVER=" + server}, "search")
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v does not say %q", server, err, w)
			}
		}
		if err != nil && strings.Contains(err.Error(), "Post ") {
			t.Errorf("%s: error %q names the address twice", server, err)
		}
	}
	f("127.0.0.1:1", "no server answers at http://127.0.0.1:1; start one with clew serve, or name another with --server")
	f(strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS; write http://")
	f(strings.Replace(secure.URL, "https:", "http:", 1), "the server speaks TLS; write https:// in place of http://")
	f(secure.URL, "this machine does not trust the certificate of "+secure.URL, "SSL_CERT_FILE")
}

// TestFoldersThatCannotBeUsed names the folder and the setting that chooses another.
func TestFoldersThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(line string, want ...string) {
		t.Helper()
		_, _, err := cli(nil, strings.Fields(line)...)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("clew %s: error %v does not say %q", line, err, w)
			}
		}
	}
	serve := "serve " + strings.Join(freePorts, " ")
	f(serve+" --data "+file, "the store's folder "+file+" is a file", "--data (CLEW_DATA)")
	f(serve+" --data "+file+"/below", "is a file, or lies in one")
	f(serve+" --data "+dir+"/a --addresses-file "+file+"/x", "--addresses-file: "+file+"/x cannot be written: not a directory")
	f(serve+" --config "+dir, dir+" is a folder; name a file")
	f("import --otlp-endpoint 127.0.0.1:1 --state "+file+" "+file, "how far it has come cannot be noted: ", "--state")

	if os.Geteuid() == 0 {
		return // who may do all cannot be refused
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	f(serve+" --data "+closed, "this user may not write to the store's folder "+closed, "--data (CLEW_DATA)")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	f(serve+" --config "+file, "this user may not read "+file)
	f("import --otlp-endpoint 127.0.0.1:1 "+file, file+": this user may not read it")
}
