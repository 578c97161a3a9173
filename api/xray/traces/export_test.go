package traces

import (
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/view"
)

// OperationsWithin is Operations with room for so many candidates on a page.
func OperationsWithin(groups Groups, room int) []xray.Operation {
	return (&operations{groups, room}).list()
}

// Summarise says how many services and users a summary names, and how many services have its
// annotation of a key.
func Summarise(t *view.Trace, key string) (services, users, annotated int) {
	s, _ := summarise(t)
	for _, a := range s.Annotations[key] {
		annotated += len(a.ServiceIDs)
	}
	return len(s.ServiceIDs), len(s.Users), annotated
}
