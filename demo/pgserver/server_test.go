package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const testPassword = "sesame"

func testSchema() []string {
	return []string{
		`CREATE TABLE stars (id TEXT PRIMARY KEY, magnitude REAL, planets BIGINT NOT NULL CHECK (planets >= 0), visible BOOLEAN, spectrum BLOB)`,
		`INSERT INTO stars VALUES ('vega', 0.03, 0, 1, x'41305f'), ('sol', -26.74, 8, 1, NULL), ('proxima', 11.13, 2, 0, NULL)`,
	}
}

// start runs a server and returns how to connect to it.
func start(t testing.TB) (connect func(options string) *pgx.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(l, testPassword, testSchema())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return func(options string) *pgx.Conn {
		t.Helper()
		ctx := context.Background()
		c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://any:%s@%s/sky?%s", testPassword, l.Addr(), options))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(ctx) })
		return c
	}
}

// Ways in which a client may ask; all have to give the same answers.
func queryModes() []string {
	return []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}
}

func TestRowsInAllQueryModes(t *testing.T) {
	connect := start(t)
	ctx := t.Context()
	for _, mode := range queryModes() {
		c := connect("default_query_exec_mode=" + mode)
		for range 2 { // the second time from the client's cache
			rows, err := c.Query(ctx, `SELECT id, magnitude, planets, visible FROM stars WHERE planets > $1::bigint ORDER BY id`, int64(0))
			if err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			var got []string
			for rows.Next() {
				var id string
				var magnitude float64
				var planets int64
				var visible bool
				if err := rows.Scan(&id, &magnitude, &planets, &visible); err != nil {
					t.Fatalf("%s: %v", mode, err)
				}
				got = append(got, fmt.Sprint(id, " ", magnitude, " ", planets, " ", visible))
			}
			if want := "proxima 11.13 2 false, sol -26.74 8 true"; strings.Join(got, ", ") != want || rows.Err() != nil {
				t.Errorf("%s: got %q, %v; want %q", mode, got, rows.Err(), want)
			}
		}
	}
}

func TestValuesThereAndBack(t *testing.T) {
	connect := start(t)
	ctx := t.Context()
	for i, mode := range queryModes() {
		c := connect("default_query_exec_mode=" + mode)
		id := fmt.Sprintf("it's \"quoted\" -- %d", i)
		tag, err := c.Exec(ctx, `INSERT INTO stars (id, magnitude, planets, visible) VALUES ($1, $2::float8, $3::bigint, $4::bool)`,
			id, 1.5, int64(1)<<40, true)
		if err != nil || tag.String() != "INSERT 0 1" {
			t.Fatalf("%s: %v, %v", mode, tag, err)
		}
		var planets int64
		var magnitude float64
		var spectrum *string
		err = c.QueryRow(ctx, `SELECT planets, magnitude, spectrum::text FROM stars WHERE id = $1`, id).Scan(&planets, &magnitude, &spectrum)
		if err != nil || planets != 1<<40 || magnitude != 1.5 || spectrum != nil {
			t.Errorf("%s: %d, %v, %v, %v", mode, planets, magnitude, spectrum, err)
		}
		tag, err = c.Exec(ctx, `DELETE FROM stars WHERE id = $1`, id)
		if err != nil || tag.RowsAffected() != 1 {
			t.Errorf("%s: %v, %v", mode, tag, err)
		}
	}
	var count int64
	if err := connect("").QueryRow(ctx, `SELECT count(*) FROM stars`).Scan(&count); err != nil || count != 3 {
		t.Errorf("count = %d, %v; want 3", count, err)
	}
}

func TestErrorsHaveTheirCodes(t *testing.T) {
	c := start(t)("")
	f := func(code, sql string, args ...any) {
		t.Helper()
		_, err := c.Exec(t.Context(), sql, args...)
		var got *pgconn.PgError
		if !errors.As(err, &got) || got.Code != code {
			t.Errorf("%s: error %v, want code %s", sql, err, code)
		}
	}
	f(codeUnique, `INSERT INTO stars (id, planets) VALUES ('sol', 1)`)
	f(codeCheck, `UPDATE stars SET planets = planets - 9 WHERE id = $1`, "sol")
	f(codeNotNull, `INSERT INTO stars (id, planets) VALUES ('x', NULL)`)
	f(codeNoTable, `SELECT 1 FROM planets`)
	f(codeNoColumn, `SELECT colour FROM stars`)
	f(codeSyntax, `SELECT FROM WHERE`)
	f(codeSyntax, `SELECT 1; SELECT 2`)
	f(codeSyntax, `SELECT [id] FROM stars`)
	f(codePrivilege, `ATTACH DATABASE 'file' AS f`)
	f(codePrivilege, `VACUUM INTO 'file'`)
	f(codePrivilege, `PRAGMA writable_schema = 1`)
	f(codePrivilege, `DROP TABLE stars`)
	var one int64
	if err := c.QueryRow(t.Context(), `SELECT planets FROM stars WHERE id = 'sol'`).Scan(&one); err != nil || one != 8 {
		t.Errorf("after all the errors: %d, %v", one, err)
	}
}

func TestAttachIsImpossibleEvenWithoutTheGuard(t *testing.T) {
	e, err := openEngine(testSchema())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`ATTACH DATABASE 'x.db' AS f`, `VACUUM INTO 'y.db'`} {
		if _, err := e.run(t.Context(), statement{text: text}, nil); err == nil {
			t.Errorf("%s succeeds", text)
		}
	}
	e.release()
	if err := e.close(); err != nil {
		t.Error(err)
	}
}

func TestTransactions(t *testing.T) {
	connect := start(t)
	ctx := t.Context()
	a, b := connect(""), connect("")
	planets := func(c interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}) (n int64) {
		t.Helper()
		if err := c.QueryRow(ctx, `SELECT planets FROM stars WHERE id = 'sol'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tx, err := a.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `UPDATE stars SET planets = 9 WHERE id = 'sol'`); err != nil {
		t.Fatal(err)
	}
	if n := planets(tx); n != 9 {
		t.Errorf("within: %d", n)
	}
	waiting := make(chan int64)
	go func() { waiting <- planets(b) }() // waits for its turn
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := <-waiting; n != 8 {
		t.Errorf("after a rollback: %d", n)
	}

	// An error spoils the rest, and COMMIT rolls back.
	tx, err = a.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tx.Exec(ctx, `UPDATE stars SET planets = 10 WHERE id = 'sol'`)
	tx.Exec(ctx, `UPDATE stars SET planets = -1 WHERE id = 'sol'`)
	var refused *pgconn.PgError
	if _, err := tx.Exec(ctx, `SELECT 1`); !errors.As(err, &refused) || refused.Code != codeFailedTx {
		t.Errorf("in a failed transaction: %v", err)
	}
	if err := tx.Commit(ctx); err == nil {
		t.Error("a failed transaction commits")
	}
	if n := planets(a); n != 8 {
		t.Errorf("after a failed transaction: %d", n)
	}

	// A client that leaves in the middle gives its turn back.
	tx, err = a.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tx.Exec(ctx, `UPDATE stars SET planets = 11 WHERE id = 'sol'`)
	a.Close(ctx)
	if n := planets(b); n != 8 {
		t.Errorf("after a client left: %d", n)
	}
}

func TestManyClientsCountRight(t *testing.T) {
	connect := start(t)
	ctx := t.Context()
	const clients, rounds = 8, 20
	var wg sync.WaitGroup
	for range clients {
		c := connect("")
		wg.Go(func() {
			for range rounds {
				err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
					var n int64
					if err := tx.QueryRow(ctx, `SELECT planets FROM stars WHERE id = 'vega'`).Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, `UPDATE stars SET planets = $1::bigint WHERE id = 'vega'`, n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var n int64
	if err := connect("").QueryRow(ctx, `SELECT planets FROM stars WHERE id = 'vega'`).Scan(&n); err != nil || n != clients*rounds {
		t.Errorf("%d, %v; want %d", n, err, clients*rounds)
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	c := start(t)("")
	config := c.Config().Copy()
	config.Password = "open"
	_, err := pgx.ConnectConfig(t.Context(), config)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != codeBadPassword {
		t.Errorf("error %v, want code %s", err, codeBadPassword)
	}
}

func TestTranslate(t *testing.T) {
	good := func(sql, want string, oids ...uint32) {
		t.Helper()
		st, err := translate(sql)
		if err != nil || st.text != want || fmt.Sprint(st.paramOIDs) != fmt.Sprint(oids) {
			t.Errorf("translate(%q) = %q, %v, %v; want %q, %v", sql, st.text, st.paramOIDs, err, want, oids)
		}
	}
	bad := func(sql string) {
		t.Helper()
		if st, err := translate(sql); err == nil {
			t.Errorf("translate(%q) = %q, want an error", sql, st.text)
		}
	}
	good(`SELECT $1`, `SELECT ?1`, 0)
	good(`SELECT $2::int8, $1::text`, `SELECT ?2, ?1`, oidText, oidInt8)
	good(`SELECT '$1', "a::b" FROM t;`, `SELECT '$1', "a::b" FROM t`)
	good(`SELECT 'it''s' -- $1`, `SELECT 'it''s'  `)
	good(`SELECT /* ; */ a::text FROM t ; ; `, `SELECT   a FROM t `)
	good(``, ``)
	bad(`SELECT 1; DELETE FROM t`)
	bad(`SELECT 'open`)
	bad(`SELECT /* open`)
	bad(`SELECT $0`)
	bad(`SELECT $99999999999999999999`)
	bad(`SELECT $tag$text$tag$`)
	bad("SELECT [']; ATTACH DATABASE 'f' AS x --']")
	bad("SELECT `'`; DROP TABLE t --'")
	bad("SELECT 1\x00; DROP TABLE t")
	bad(`SELECT 1::`)
	bad(`SELECT ?`)
}

func FuzzTranslate(f *testing.F) {
	for _, sql := range []string{"SELECT $1::int8 FROM t", "INSERT INTO t VALUES ('a''b', $2) RETURNING id;", "-- c\n/* d */ begin", "a::b::c", "\"", "$1$2"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		st, err := translate(sql)
		if err != nil {
			return
		}
		if len(st.text) > len(sql) || len(st.paramOIDs) > maxParams {
			t.Errorf("translate(%q) grows to %d bytes, %d parameters", sql, len(st.text), len(st.paramOIDs))
		}
		if st.verb == "" && len(st.paramOIDs) == 0 && strings.ContainsAny(st.text, "abcdefghijklmnopqrstuvwxyz") && !strings.ContainsAny(st.text, `'"`) {
			t.Errorf("translate(%q) finds no verb in %q", sql, st.text)
		}
	})
}

// FuzzSession lets a client say anything after a proper greeting.
func FuzzSession(f *testing.F) {
	message := func(msgs ...pgproto3.FrontendMessage) []byte {
		var out []byte
		for _, m := range msgs {
			var err error
			if out, err = m.Encode(out); err != nil {
				f.Fatal(err)
			}
		}
		return out
	}
	f.Add(message(&pgproto3.Query{String: "SELECT * FROM stars"}))
	f.Add(message(&pgproto3.Query{String: "BEGIN"}, &pgproto3.Query{String: "UPDATE stars SET planets = -1"}))
	f.Add(message(&pgproto3.Parse{Query: "SELECT $1::int8, id FROM stars", ParameterOIDs: []uint32{oidInt4}},
		&pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Bind{Parameters: [][]byte{{0, 0, 0, 1}}, ParameterFormatCodes: []int16{1}, ResultFormatCodes: []int16{1}},
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'P'}, &pgproto3.Sync{}, &pgproto3.Terminate{}))
	f.Add([]byte{'Q', 0xff, 0xff, 0xff, 0xff})
	greeting := message(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "x"}},
		&pgproto3.PasswordMessage{Password: testPassword})
	f.Fuzz(func(t *testing.T, said []byte) {
		if strings.Contains(strings.ToUpper(string(said)), "RECURSIVE") {
			return // may rightly run until the statement's timeout
		}
		e, err := openEngine(testSchema())
		if err != nil {
			t.Fatal(err)
		}
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(io.Discard, client) })
		wg.Go(func() {
			client.Write(greeting)
			client.Write(said)
			client.Close()
		})
		newSession(server, e, testPassword, 1).serve(context.Background())
		server.Close()
		wg.Wait()
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkSelect(b *testing.B) {
	c := start(b)("")
	b.ReportAllocs()
	for b.Loop() {
		var planets int64
		if err := c.QueryRow(context.Background(), `SELECT planets FROM stars WHERE id = $1`, "sol").Scan(&planets); err != nil {
			b.Fatal(err)
		}
	}
}
