package config_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
)

var update = flag.Bool("update", false, "rewrite the generated reference")

// resolve runs Resolve on flags "name=text", variables and a file's text.
func resolve(flags, env []string, file string) (*config.Resolved, error) {
	src := config.Sources{Flags: map[string]config.Given{}, Env: env}
	for _, f := range flags {
		name, text, _ := strings.Cut(f, "=")
		src.Flags[name] = config.Given{Text: text, Where: "--" + name}
	}
	src.ReadFile = func(path string) ([]byte, error) {
		if path != "clew.yaml" {
			return nil, fs.ErrNotExist
		}
		return []byte(file), nil
	}
	return config.Resolve(src)
}

func TestFirstSourceWins(t *testing.T) {
	file := "retention: 1d\nmax-disk: 1GB\nlog-level: debug\n"
	r, err := resolve(
		[]string{"config=clew.yaml", "retention=3d"},
		[]string{"CLEW_RETENTION=2d", "CLEW_MAX_DISK=2GB", "PATH=/bin"}, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"retention": {"3d", "--retention"},
		"max-disk":  {"2GB", "CLEW_MAX_DISK"},
		"log-level": {"debug", "clew.yaml:3: log-level"},
		"http-port": {"4300", ""},
	} {
		s, _ := config.Lookup(name)
		if got := [2]string{s.Show(&r.Config), r.Origin[name]}; got != want {
			t.Errorf("%s = %q from %q, want %q from %q", name, got[0], got[1], want[0], want[1])
		}
	}
}

func TestErrorsNameSettingAndMend(t *testing.T) {
	bad := func(flags, env []string, file string, want ...string) {
		t.Helper()
		_, err := resolve(flags, env, file)
		if err == nil {
			t.Errorf("Resolve(%v, %v, %q): no error, want %q", flags, env, file, want)
			return
		}
		if clew.KindOf(err) != clew.Invalid {
			t.Errorf("kind of %q = %v, want invalid", err, clew.KindOf(err))
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not say %q", err, w)
			}
		}
	}
	f := []string{"config=clew.yaml"}
	bad([]string{"retention=soon"}, nil, "", `--retention: "soon"`, "7d")
	bad([]string{"retention=7s"}, nil, "", "at least 1m")
	bad(nil, []string{"CLEW_MAX_DISK=much"}, "", `CLEW_MAX_DISK: "much"`, "50GB")
	bad(nil, []string{"CLEW_RETENTOIN=1d"}, "", "CLEW_RETENTOIN", "did you mean CLEW_RETENTION?")
	bad(nil, []string{"CLEW_NOPE=1"}, "", "CLEW_NOPE is no setting of clew; see docs/reference/config.md")
	bad([]string{"cors-origins=shop"}, nil, "", `--cors-origins: "shop`, "is no origin", "https://shop.example")
	bad([]string{"cors-origins=https://shop.example,https://shop.example/cart"}, nil, "", `"https://shop.example/cart" is no origin`)
	bad(nil, []string{"CLEW_ZZZZZZZZZ=1"}, "", "CLEW_ZZZZZZZZZ", "config.md")
	bad(f, nil, "retension: 1d", "clew.yaml:1: retension", "did you mean retention?")
	bad(f, nil, "\n\nmax-disk: lots", "clew.yaml:3: max-disk", `"lots"`)
	bad(f, nil, "demo: true\ndemo: false", "set twice", "clew.yaml:1")
	bad(f, nil, "- a\n- b", "clew.yaml:1", "NAME: VALUE")
	bad(f, nil, "retention:", "has no value")
	bad(f, nil, "listen: {a: b}", "value or a list")
	bad(f, nil, "data: [1,2]", "clew.yaml:1: data", "is a list, want one value (text)")
	bad(f, nil, "retention: [7d]", "is a list, want one value (duration)")
	bad(f, nil, "config: other.yaml", "cannot be set in the file")
	bad(f, nil, "a: [", "clew.yaml")
	bad([]string{"config=gone.yaml"}, nil, "", "--config", "gone.yaml")
	bad(nil, []string{"CLEW_CONFIG=gone.yaml"}, "", "CLEW_CONFIG", "gone.yaml")
	bad([]string{"listen=h", "listen-all=true"}, nil, "", "--listen", "--listen-all")
	bad([]string{"listen="}, nil, "", "names no host")
	bad([]string{"tls-cert=c.pem"}, nil, "", "needs tls-key")
	bad([]string{"tls-key=k.pem"}, nil, "", "needs tls-cert")
	bad([]string{"http-port=65536"}, nil, "", "0 (any free one) to 65535")
	bad([]string{"http-port=off"}, nil, "", "want a port")
	bad([]string{"log-format=xml"}, nil, "", "text or json")
	bad([]string{"max-inflight=1kB"}, nil, "", "at least 1MiB")
	bad([]string{"demo-rate=0"}, nil, "", "from 1 to")
	bad([]string{"data="}, nil, "", "--data", "no folder")
	bad([]string{"http-port=4317"}, nil, "", "otlp-grpc-port: 4317 is the port of http-port as well")
	bad([]string{"otlp-http-port=4317"}, nil, "", "--otlp-http-port: 4317 is the port of otlp-grpc-port as well")
	bad([]string{"server=ftp://localhost"}, nil, "", "localhost:4300")
	bad([]string{"server=http://:4300"}, nil, "", "localhost:4300")
	bad([]string{"server=localhost:page"}, nil, "", "localhost:4300")
	bad([]string{"server="}, nil, "", "localhost:4300")
	bad([]string{"otlp-endpoint=localhost"}, nil, "", "localhost:4318")
	bad([]string{"tenant=../x"}, nil, "", "--tenant")
	bad([]string{"tokens=a:write:x,b:read:x"}, nil, "", "same secret")
	bad([]string{"demo=true", "otlp-grpc-port=off"}, nil, "", "needs the OTLP door")
	bad([]string{"demo=true", "tokens=a:write:x"}, nil, "", "--tokens")
	bad([]string{"demo=true", "tls-cert=c", "tls-key=k"}, nil, "", "--tls-cert")
}

func TestSecretsAreNotShown(t *testing.T) {
	r, err := resolve([]string{"tokens=shop:write+read:s3cret"}, []string{"CLEW_TOKEN=hush"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if out := r.List(); strings.Contains(out, "s3cret") || strings.Contains(out, "hush") {
		t.Errorf("List shows a secret:\n%s", out)
	}
	_, err = resolve([]string{"tokens=shop:wirte:s3cret"}, nil, "")
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "wirte") {
		t.Errorf("error %v: want the bad right named and the secret not", err)
	}
}

func TestTokens(t *testing.T) {
	r, err := resolve([]string{"tokens=shop:write+read:a:b, *:admin:root"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Tokens.Find("a"); ok {
		t.Error("a part of a secret is accepted")
	}
	if tok, ok := r.Tokens.Find("a:b"); !ok || tok.Tenant != "shop" || !tok.Rights.Has(config.Write|config.Read) || tok.Rights.Has(config.Admin) {
		t.Errorf("token = %+v, %v", tok, ok)
	}
	if tok, ok := r.Tokens.Find("root"); !ok || tok.Tenant != config.AnyTenant || !tok.Rights.Has(config.Write) {
		t.Errorf("token = %+v, %v", tok, ok)
	}
}

func TestListIsAFileAgain(t *testing.T) {
	first, err := resolve([]string{"retention=36h", "max-disk=1500MB", "cors-origins=*", "listen=::1,a.b"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := resolve([]string{"config=clew.yaml"}, nil, first.List())
	if err != nil {
		t.Fatalf("%v\n%s", err, first.List())
	}
	if diff := config.Changes(&first.Config, &second.Config); len(diff) != 0 {
		t.Errorf("differs after a round: %+v", diff)
	}
}

func TestChanges(t *testing.T) {
	a, _ := resolve(nil, nil, "")
	b, err := resolve([]string{"retention=1d", "http-port=1", "tokens=a:read:x"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range config.Changes(&a.Config, &b.Config) {
		got = append(got, c.Setting.Name+" "+c.Old+">"+c.New)
	}
	if want := "retention 7d>1d,http-port 4300>1,tokens >***"; strings.Join(got, ",") != want {
		t.Errorf("Changes = %v, want %s", got, want)
	}
}

func TestDurations(t *testing.T) {
	good := func(in string, want time.Duration, back string) {
		t.Helper()
		got, err := config.ParseDuration(in)
		if err != nil || got != want || config.FormatDuration(got) != back {
			t.Errorf("ParseDuration(%q) = %v, %v, written %q; want %v, %q", in, got, err, config.FormatDuration(got), want, back)
		}
	}
	good("7d", 7*24*time.Hour, "7d")
	good("1d12h", 36*time.Hour, "1d12h")
	good("36h", 36*time.Hour, "1d12h")
	good("90m", 90*time.Minute, "1h30m")
	good("250ms", 250*time.Millisecond, "250ms")
	good("0", 0, "0s")
	for _, in := range []string{"", "d", "7", "-1h", "1x", "-7d", "36501d", "7dd", "1d-3h", "9999999999h"} {
		if d, err := config.ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, d)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{"retention: 7d\n", "listen: [a, b]", "a: &x [*x, *x]", "? {}", "---\n...\n---\n", "\x00", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := resolve([]string{"config=clew.yaml"}, nil, text); err != nil && clew.KindOf(err) != clew.Invalid {
			t.Errorf("error of kind %v: %v", clew.KindOf(err), err)
		}
	})
}

// TestReferencesAreUpToDate compares what is generated of docs/reference.
func TestReferencesAreUpToDate(t *testing.T) {
	for name, want := range map[string]string{"config.md": config.Reference(), "memory.md": config.MemoryReference()} {
		path := filepath.Join("..", "..", "docs", "reference", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil || string(have) != want {
			t.Errorf("%s is out of date (%v); run go test ./internal/config -update", path, err)
		}
	}
}

// TestMemoryPlan divides memory of many sizes: what can be full at the same time
// fits.
func TestMemoryPlan(t *testing.T) {
	for total := int64(48e6); total < 1<<36; total += total / 3 {
		p := config.PlanMemory(total)
		load, answers := p.UnderLoad(), p.Answering()
		if p.Go >= total || load > p.Go || answers > p.Go || p.MaxRequest > p.Go/4 {
			t.Errorf("%d bytes are divided as %+v: load takes %d, answers %d", total, p, load, answers)
		}
	}
}

// TestAddressesAsPeopleSayThem leaves out scheme and port.
func TestAddressesAsPeopleSayThem(t *testing.T) {
	f := func(server, endpoint, wantServer, wantEndpoint string) {
		t.Helper()
		r, err := config.Resolve(config.Sources{Env: []string{"CLEW_SERVER=" + server, "CLEW_OTLP_ENDPOINT=" + endpoint}})
		if err != nil {
			t.Errorf("%q, %q: %v", server, endpoint, err)
			return
		}
		if string(r.Server) != wantServer || string(r.OTLPEndpoint) != wantEndpoint {
			t.Errorf("%q, %q: %q, %q; want %q, %q", server, endpoint, r.Server, r.OTLPEndpoint, wantServer, wantEndpoint)
		}
	}
	f("localhost:4300", "localhost:4318", "http://localhost:4300", "http://localhost:4318")
	f("localhost", "[::1]:4318/v1/traces", "http://localhost:4300", "http://[::1]:4318/v1/traces")
	f("clew.example/traces/", "", "http://clew.example:4300/traces", "")
	f("::1", "", "http://[::1]:4300", "")
	f("[::1]", "", "http://[::1]:4300", "")
	f("127.0.0.1:", "", "http://127.0.0.1:4300", "")
	f("https://clew.example", "https://clew.example:4318", "https://clew.example", "https://clew.example:4318")
}
