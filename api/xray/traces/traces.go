// Package traces answers what X-Ray's API is asked about traces: which there were, and what
// is in them.
package traces

import (
	"github.com/clew-tracing/clew/api/xray"
)

// Operations are those of this package.
func Operations() []xray.Operation {
	return []xray.Operation{
		xray.Op("/Traces", batchGetTraces),
	}
}
