package clients

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// patience is how long a client may take on a busy machine.
const patience = time.Minute

func store(t *testing.T) *spandb.DB {
	t.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// serve has a door take datagrams until the test ends, and returns where.
func serve(t *testing.T, door interface {
	Serve(context.Context, net.PacketConn) error
}) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn.LocalAddr().String()
}

// await returns the trace once it has as many spans.
func await(t *testing.T, db *spandb.DB, id string, spans int) *span.Rows {
	t.Helper()
	trace, err := clew.ParseTraceID(id)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		got, err := db.Trace(t.Context(), clew.DefaultTenant, trace)
		switch {
		case clew.KindOf(err) == clew.NotFound:
			continue
		case err != nil:
			t.Fatal(err)
		}
		if rows = got.Batch.Rows; rows >= spans {
			t.Cleanup(got.Free)
			return span.NewRows(got.Batch)
		}
		got.Free()
	}
	t.Fatalf("trace %s has %d spans, want %d", id, rows, spans)
	return nil
}

// lines are the spans of a trace, with those of their attributes and their resource's that
// are asked for, by name.
func lines(rows *span.Rows, keys ...string) string {
	names := map[clew.SpanID]string{}
	var spans []clew.Span
	for row := range rows.Batch().Rows {
		s := rows.Span(row)
		spans = append(spans, s)
		if _, taken := names[s.SpanID]; !taken || s.Kind == clew.KindServer {
			names[s.SpanID] = s.Name
		}
	}
	var out []string
	for _, s := range spans {
		line := fmt.Sprintf("%s: %s, %v", s.Service(), s.Name, s.Kind)
		if s.ParentID != 0 {
			line += " of " + names[s.ParentID]
		}
		if s.Status != clew.StatusUnset {
			line += fmt.Sprintf(", %v", s.Status)
		}
		for _, a := range slices.Concat(s.Attrs, s.Resource.Attrs) {
			if slices.Contains(keys, a.Key) {
				line += " " + a.Key + "=" + a.Value.String()
			}
		}
		for _, e := range s.Events {
			line += " event " + e.Name
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// hold compares the lines of a trace.
func hold(t *testing.T, rows *span.Rows, want string, keys ...string) {
	t.Helper()
	if got := lines(rows, keys...); got != want {
		t.Errorf("the trace is\n%s\nwant\n%s", got, want)
	}
}

// node runs a program of the folder node and returns what it prints. The test is skipped
// where its packages are not there.
func node(t *testing.T, program string, args ...string) string {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("node/node_modules")
	}
	if err != nil {
		missing(t, "Node.js with the packages of test/clients/node", "make client-modules", err)
	}
	return run(t, nil, "node", append([]string{"node/" + program}, args...)...)
}

// errorOf is an error with what was printed before it.
func errorOf(err error, out []byte) error {
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
}

// missing skips a test that needs a program, unless it has to be there.
func missing(t *testing.T, what, how string, err error) {
	t.Helper()
	if os.Getenv("CLEW_REQUIRE_ENGINES") == "1" {
		t.Fatalf("%s is not here (%v): %s", what, err, how)
	}
	t.Skipf("%s is not here (%v): %s, or set CLEW_REQUIRE_ENGINES=1 to make this a failure", what, err, how)
}

// run runs a program and returns what it prints. It has AWS' settings of the test alone.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	c.Env = append(c.Env, env...)
	var errors strings.Builder
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errors.String())
	}
	return strings.TrimSpace(string(out))
}
