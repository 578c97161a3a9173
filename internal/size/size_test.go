package size_test

import (
	"testing"

	"github.com/clew-tracing/clew/internal/size"
)

func TestSizes(t *testing.T) {
	good := func(in string, want int64, back string) {
		t.Helper()
		got, err := size.Parse(in)
		if err != nil || got != want || size.Format(got) != back {
			t.Errorf("Parse(%q) = %d, %v, written %q; want %d, %q", in, got, err, size.Format(got), want, back)
		}
	}
	good("50GB", 50e9, "50GB")
	good("512MiB", 512<<20, "512MiB")
	good("1.5 gib", 3<<29, "1536MiB")
	good("123", 123, "123B")
	good("0", 0, "0B")
	for _, in := range []string{"", "GB", "-1", "1XB", "9999999TB", "9e30", "NaN", "1 2GB"} {
		if n, err := size.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", in, n)
		}
	}
}
