package spelling

import (
	"reflect"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"http.route", "http.request.method", "service.name", "service.version", "duration", "Duration"}
	f := func(name string, want ...string) {
		t.Helper()
		if got := Nearest(name, names, 2); !reflect.DeepEqual(got, want) {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	f("http.rotue", "http.route")
	f("HTTP.ROUTE", "http.route")
	f("sevice.nam", "service.name")
	f("duration", "Duration")
	f("route", "http.route")
	f("xyz")
	f("")
	f(strings.Repeat("x", 1000))
}
