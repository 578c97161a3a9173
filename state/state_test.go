package state

import (
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

func TestNumbersLast(t *testing.T) {
	fs := vfs.NewMem()
	s, err := OpenServices(fs, "services")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Numbers("a", []string{"web", "cart", "web"}); !slices.Equal(got, []int{0, 1, 0}) {
		t.Fatalf("Numbers = %v", got)
	}
	if got := s.Numbers("b", []string{"cart"}); got[0] != 0 {
		t.Fatalf("tenants share numbers: %v", got)
	}
	if s, err = OpenServices(fs, "services"); err != nil {
		t.Fatal(err)
	}
	if got := s.Numbers("a", []string{"db", "cart"}); !slices.Equal(got, []int{2, 1}) {
		t.Fatalf("Numbers after reopening = %v, want [2 1]", got)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// TestDamage flips every byte of a document: it is refused, or it says the same.
func TestDamage(t *testing.T) {
	fs := vfs.NewMem()
	if err := Save(fs, "doc", []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	good, err := vfs.ReadFile(fs, "doc", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x55
		if err := vfs.Replace(fs, "doc", bad); err != nil {
			t.Fatal(err)
		}
		var v []string
		if _, err := Load(fs, "doc", &v); clew.KindOf(err) != clew.Corrupt && clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("byte %d flipped: Load = %v, %v", i, v, err)
		}
	}
}
