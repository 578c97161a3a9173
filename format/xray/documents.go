package xray

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
	"github.com/clew-tracing/clew/span"
)

// Document is a segment with all of its subsegments that are there.
type Document struct {
	ID  clew.SpanID
	Row int // of the segment
	// Text is JSON.
	Text []byte
}

// Documents returns the rows of a trace as segment documents, by start and id.
//
// What came as X-Ray comes back as it was put, in the values of its JSON and how its numbers
// are spelt; a subsegment that was sent by itself stands in its parent, as BatchGetTraces has
// it, and a nested one whose parent is not there by itself. What came as something else
// is translated: a span that serves somebody, or has no parent, is a segment, any other a
// subsegment.
func Documents(r *span.Rows) []Document {
	w := newFamily(r)
	var out []Document
	add := func(row int32) {
		x := &w.rows[row]
		if x.written {
			return
		}
		out = append(out, Document{ID: clew.SpanID(r.Batch().SpanID[row]), Row: int(row), Text: w.append(nil, row, true, 0)})
	}
	for _, row := range w.order {
		if w.rows[row].parent < 0 {
			add(row)
		}
	}
	for _, row := range w.order { // those in circles, and too deep ones
		add(row)
	}
	slices.SortStableFunc(out, func(x, y Document) int { return w.compare(int32(x.Row), int32(y.Row)) })
	return out
}

// family is the rows of a trace as segments and subsegments.
type family struct {
	r     *span.Rows
	rows  []relative
	order []int32
}

// relative is one row.
type relative struct {
	born     bool // as X-Ray
	form     []string
	sub      bool // a subsegment
	index    int64
	parent   int32 // the row it is nested in, -1: none
	children []int32
	written  bool
}

func newFamily(r *span.Rows) *family {
	b := r.Batch()
	w := &family{r: r, rows: make([]relative, b.Rows), order: make([]int32, b.Rows)}
	byID := make(map[uint64]int32, b.Rows)
	for row := range w.rows {
		x := &w.rows[row]
		w.order[row] = int32(row)
		x.index, x.parent = -1, -1
		r.Attrs(row, func(key string, v clew.Value) {
			switch {
			case key == attrForm && v.Type == clew.TypeString:
				x.form = strings.Fields(string(v.Bytes))
			case key == attrIndex && v.Type == clew.TypeInt:
				x.index = v.Int()
			}
		})
		if x.born = len(x.form) > 0; x.born {
			x.sub = x.form[0] != formSegment
		} else {
			x.sub = IsSubsegment(clew.Kind(b.Kind[row]), clew.SpanID(b.ParentID[row]))
		}
		if other, taken := byID[b.SpanID[row]]; !taken || w.rows[other].sub && !x.sub {
			byID[b.SpanID[row]] = int32(row)
		}
	}
	slices.SortFunc(w.order, w.compare)
	for _, row := range w.order {
		x := &w.rows[row]
		if p, ok := byID[b.ParentID[row]]; ok && x.sub && p != row && b.ParentID[row] != 0 {
			x.parent = p
			w.rows[p].children = append(w.rows[p].children, row)
		}
	}
	return w
}

func (w *family) compare(x, y int32) int {
	b := w.r.Batch()
	return cmp.Or(cmp.Compare(b.Start[x], b.Start[y]), cmp.Compare(b.SpanID[x], b.SpanID[y]), cmp.Compare(x, y))
}

// append appends the document of a row; alone is one that is in no other.
func (w *family) append(dst []byte, row int32, alone bool, depth int) []byte {
	x := &w.rows[row]
	x.written = true
	doc := new(tree)
	if x.born {
		w.restore(doc, row, alone)
	} else {
		w.translate(doc, row, alone)
	}
	if depth < maxNested {
		var list []byte
		for _, child := range w.arrange(x.children) {
			if w.rows[child].written {
				continue
			}
			sep := byte(',')
			if list == nil {
				sep = '['
			}
			list = w.append(append(list, sep), child, false, depth+1)
		}
		if list != nil {
			doc.set("subsegments", append(list, ']'))
		}
	}
	return doc.append(dst)
}

// arrange puts the subsegments of one parent into the order of its document: those that came
// nested, then the others.
func (w *family) arrange(children []int32) []int32 {
	var plain, indexed, apart []int32
	for _, c := range children {
		switch x := &w.rows[c]; {
		case !x.born || x.form[0] != formNested:
			apart = append(apart, c)
		case x.index >= 0:
			indexed = append(indexed, c)
		default:
			plain = append(plain, c)
		}
	}
	if len(indexed) == 0 {
		return append(plain, apart...)
	}
	out := make([]int32, len(plain)+len(indexed))
	for i := range out {
		out[i] = -1
	}
	var odd []int32
	for _, c := range indexed {
		if i := w.rows[c].index; i < int64(len(out)) && out[i] < 0 {
			out[i] = c
		} else {
			odd = append(odd, c)
		}
	}
	plain = append(plain, odd...)
	for i := range out {
		if out[i] < 0 {
			out[i], plain = plain[0], plain[1:]
		}
	}
	return append(out, apart...)
}

// identity sets what every document has.
func (w *family) identity(doc *tree, row int32, name string) {
	b := w.r.Batch()
	doc.setText("id", []byte(clew.SpanID(b.SpanID[row]).String()))
	doc.setText("name", []byte(name))
}

// setTimes sets start and end in their spellings.
func (w *family) setTimes(doc *tree, row int32, start, end spelling) {
	b := w.r.Batch()
	doc.set("start_time", appendSeconds(nil, clew.UnixNanos(b.Start[row]), start))
	if !b.Unfinished(int(row)) {
		doc.set("end_time", appendSeconds(nil, b.End(int(row)), end))
	}
}

// setTrace and setParent set ids, if there are any.
func (w *family) setTrace(doc *tree, row int32, w3c bool) {
	b := w.r.Batch()
	id := b.TraceIDs[b.Trace[row]]
	if w3c {
		doc.setText("trace_id", []byte(id.String()))
		return
	}
	doc.setText("trace_id", appendTraceID(nil, id))
}

func (w *family) setParent(doc *tree, row int32) {
	if id := w.r.Batch().ParentID[row]; id != 0 {
		doc.setText("parent_id", []byte(clew.SpanID(id).String()))
	}
}

// restorer puts a document together from the attributes that it was turned into.
type restorer struct {
	doc         *tree
	annotations map[string]bool
	own         [maxGroups]bool // a field of the group has its own attribute
	server, db  []byte
	hasURL      bool
	other       []byte
	logs        [2][]string
}

// restore writes a document that came as X-Ray.
func (w *family) restore(doc *tree, row int32, alone bool) {
	x := &w.rows[row]
	s := w.r.Span(int(row))
	w.identity(doc, row, s.Name)
	start, end := spelt, spelt
	nested := x.form[0] == formNested
	w3c := false
	for _, word := range x.form[1:] {
		switch word {
		case "start_time" + spellingWords[speltPoint]:
			start = speltPoint
		case "start_time" + spellingWords[speltE]:
			start = speltE
		case "end_time" + spellingWords[speltPoint]:
			end = speltPoint
		case "end_time" + spellingWords[speltE]:
			end = speltE
		case wordW3C:
			w3c = true
		case "trace_id":
			w.setTrace(doc, row, false)
		case "trace_id=" + wordW3C:
			w.setTrace(doc, row, true)
		case "parent_id":
			w.setParent(doc, row)
		case "type":
			doc.setText("type", []byte("subsegment"))
		}
	}
	w.setTimes(doc, row, start, end)
	switch {
	case !nested:
		w.setTrace(doc, row, w3c)
		w.setParent(doc, row)
	case alone:
		w.setTrace(doc, row, false)
		w.setParent(doc, row)
	}
	if x.form[0] == formSubsegment || nested && alone {
		doc.setText("type", []byte("subsegment"))
	}
	m := restorer{doc: doc}
	each := func(f func(key string, v clew.Value)) {
		for _, a := range s.Attrs {
			f(a.Key, a.Value)
		}
		eachPair(w.r.Extra(int(row)), f)
	}
	each(m.look)
	if !nested {
		for _, a := range s.Resource.Attrs {
			m.lookOwn(byResource, a.Key)
		}
		for _, a := range s.Resource.Attrs {
			m.resource(a.Key, a.Value)
		}
		m.setLogs()
	}
	m.events(w.r, s.Events)
	setLinks(doc, s.Links)
	each(m.attribute)
	m.finish()
}

// look finds what the meaning of other attributes depends on.
func (m *restorer) look(key string, v clew.Value) {
	switch key {
	case attrAnnotations:
		m.annotations = make(map[string]bool)
		for _, k := range Texts(v) {
			m.annotations[k] = true
		}
	case attrDBURL:
		m.hasURL = true
	}
	m.lookOwn(byAttr, key)
}

// lookOwn notes that one of the fields with one attribute has its own.
func (m *restorer) lookOwn(index map[string]int, key string) {
	if f, ok := index[key]; ok && fields[f].own == key {
		m.own[fields[f].group] = true
	}
}

// attribute puts an attribute of the span where it was.
func (m *restorer) attribute(key string, v clew.Value) {
	isText := v.Type == clew.TypeString
	switch key {
	case attrForm, attrIndex, attrAnnotations, attrService, attrPeer:
		return
	case attrOther:
		m.other = v.Bytes
		return
	case attrStart, attrEnd:
		if isText && jsonread.NumberSize(v.Bytes) == len(v.Bytes) && len(v.Bytes) > 0 {
			m.doc.set(strings.TrimPrefix(key, prefixOwn), v.Bytes)
		}
		return
	case attrDBServer:
		m.server = v.Bytes
		return
	case attrDatabase:
		m.db = v.Bytes
		return
	}
	if f, ok := byAttr[key]; ok {
		m.field(&fields[f], key, v)
		return
	}
	if ns, ok := strings.CutPrefix(key, prefixMetadata); ok {
		if isText && isJSON(v.Bytes) {
			m.doc.object(objMetadata).set(ns, v.Bytes)
		} else {
			m.doc.object(objMetadata).set(ns, appendJSON(nil, v))
		}
		return
	}
	if name, ok := strings.CutPrefix(key, prefixAnnotation); ok {
		m.doc.object(objAnnotations).set(name, appendJSON(nil, v))
		return
	}
	if name, ok := strings.CutPrefix(key, prefixAWS); ok {
		m.doc.object(objAWS).set(name, appendJSON(nil, v))
		return
	}
	if m.annotations[key] {
		m.doc.object(objAnnotations).set(key, appendJSON(nil, v))
		return
	}
	m.doc.object(objMetadata).child(namespaceAdded).set(key, appendJSON(nil, v))
}

// namespaceAdded is the namespace of metadata for attributes that no document had: somebody
// added them on the way.
const namespaceAdded = "otel"

// field puts the value of a field of the schema where it was.
func (m *restorer) field(f *field, key string, v clew.Value) {
	if f.group > 0 && m.own[f.group] && key != f.own {
		return // of several fields, each of which has its own
	}
	raw := appendJSON(nil, v)
	if f.kind == kindIntText {
		if _, ok := integer(v.Bytes); ok && v.Type == clew.TypeString {
			raw = v.Bytes
		}
	}
	m.doc.object(f.in).set(f.name, raw)
}

// resource puts an attribute of the resource where it was.
func (m *restorer) resource(key string, v clew.Value) {
	switch key {
	case resourceLogNames:
		m.logs[0] = Texts(v)
		return
	case resourceLogARNs:
		m.logs[1] = Texts(v)
		return
	}
	f, ok := byResource[key]
	if !ok {
		return
	}
	m.field(&fields[f], key, v)
}

// setLogs sets aws.cloudwatch_logs.
func (m *restorer) setLogs() {
	n := max(len(m.logs[0]), len(m.logs[1]))
	if n == 0 {
		return
	}
	raw := []byte{'['}
	for i := range n {
		if i > 0 {
			raw = append(raw, ',')
		}
		one := new(tree)
		for k, name := range [...]string{"log_group", "arn"} {
			if i < len(m.logs[k]) {
				one.setText(name, []byte(m.logs[k][i]))
			}
		}
		raw = one.append(raw)
	}
	m.doc.object(objAWS).set(fields[logsField].name, append(raw, ']'))
}

// events puts exceptions where they were.
func (m *restorer) events(r *span.Rows, events []clew.Event) {
	var list []byte
	for _, e := range events {
		if e.Name != eventName {
			continue
		}
		sep := byte(',')
		if list == nil {
			sep = '['
		}
		list = restoreException(append(list, sep), e.Attrs)
	}
	if list != nil {
		m.doc.object(objCause).set("exceptions", append(list, ']'))
	}
}

// restoreException appends an exception that came as X-Ray.
func restoreException(dst []byte, attrs []clew.Attr) []byte {
	doc := new(tree)
	var kind, message, trace, stack, rest []byte
	for _, a := range attrs {
		switch a.Key {
		case eventTrace:
			trace = a.Value.Bytes
			continue
		case eventStack:
			stack = a.Value.Bytes
			continue
		case eventOther:
			rest = a.Value.Bytes
			continue
		case eventType:
			kind = a.Value.Bytes
		case eventMessage:
			message = a.Value.Bytes
		}
		for i := range exceptionFields {
			if f := &exceptionFields[i]; f.attr == a.Key {
				doc.set(f.name, appendJSON(nil, a.Value))
			}
		}
	}
	if isJSON(stack) {
		doc.set("stack", stack)
	} else if raw, ok := parseStack(kind, message, trace); ok {
		doc.set("stack", raw)
	}
	if isJSON(rest) {
		doc.merge(rest, maxPath)
	}
	return doc.append(dst)
}

// setLinks sets the links of a segment.
func setLinks(doc *tree, links []clew.Link) {
	if len(links) == 0 {
		return
	}
	raw := []byte{'['}
	for i, l := range links {
		if i > 0 {
			raw = append(raw, ',')
		}
		one := new(tree)
		one.setText(linkTrace, appendTraceID(nil, l.TraceID))
		one.setText(linkID, []byte(l.SpanID.String()))
		for _, a := range l.Attrs {
			one.child(linkAttrs).set(a.Key, appendJSON(nil, a.Value))
		}
		raw = one.append(raw)
	}
	doc.set("links", append(raw, ']'))
}

// finish sets what several attributes said together, and what none could say.
func (m *restorer) finish() {
	if !m.hasURL && m.server != nil && m.db != nil {
		m.doc.object(objSQL).setText("url", append(append(slices.Clone(m.server), '/'), m.db...))
	}
	if isJSON(m.other) {
		m.doc.merge(m.other, 0)
	}
}
