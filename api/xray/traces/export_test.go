package traces

import "github.com/clew-tracing/clew/api/xray"

// OperationsWithin is Operations with room for so many candidates on a page.
func OperationsWithin(groups Groups, room int) []xray.Operation {
	return (&operations{groups, room}).list()
}
