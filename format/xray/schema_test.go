package xray

import (
	"os"
	"strings"
	"testing"
)

// TestMappingIsDocumented looks for every attribute in the document of the mapping.
func TestMappingIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/xray.md")
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) {
		if name != "" && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/reference/xray.md does not name %s", name)
		}
	}
	for _, f := range fields {
		named(f.attr)
		named(f.resource)
		named(f.own)
	}
	for _, f := range exceptionFields {
		named(f.attr)
	}
	for _, name := range []string{attrForm, attrOther, attrIndex, attrStart, attrEnd, attrAnnotations, attrService, attrPeer, attrDatabase, attrDBServer, attrDBURL,
		resourceName, resourceProvider, resourcePlatform, resourceAccount, resourceLanguage, resourceLogARNs, resourceLogNames, eventTrace, eventStack, eventOther} {
		named(name)
	}
}

// TestSchema holds the schema to its limits.
func TestSchema(t *testing.T) {
	if plan.groups >= maxGroups || len(fields) > maxFields {
		t.Errorf("%d groups, %d fields: raise maxGroups (%d), or maxFields (%d) with node.seen", plan.groups, len(fields), maxGroups, maxFields)
	}
	for _, f := range fields {
		if f.attr != "" && !reserved([]byte(f.attr)) {
			t.Errorf("an annotation may have the name %s", f.attr)
		}
	}
}
