package xray

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// Translator turns documents into OTLP. Its memory is used again; it is for one goroutine
// at a time. The zero value is ready.
type Translator struct{ inside translator }

// Append appends a document as a ResourceSpans of an ExportTraceServiceRequest. Its error
// is an *Error, and nothing was appended then.
func (t *Translator) Append(dst, doc []byte) ([]byte, error) { return t.inside.append(dst, doc) }

// Spans is how many spans the document has that was appended last.
func (t *Translator) Spans() int { return len(t.inside.nodes) }

func (t *translator) append(dst, doc []byte) ([]byte, error) {
	t.begin(doc)
	if len(doc) > maxDocumentBytes {
		return dst, t.failed(t.fail(0, CodeTooLarge, 0, "the document is larger than 1 GiB"))
	}
	if err := t.read(); err != nil {
		return dst, t.failed(err)
	}
	return t.write(dst), nil
}

// group is a group of fields with one attribute while a message is written.
type group struct {
	present     int
	first, done bool // the group's first field is there; the shared attribute is written
}

// spanState is what is learnt of a span while its attributes are written.
type spanState struct {
	failed            bool
	message           []byte
	exceptions, links []byte
	form              []byte
	hasAnnotations    bool
}

// failed completes the error of a flaw.
func (t *translator) failed(err error) error {
	e := &Error{Code: t.code, Subsegment: t.subsegment, cause: placed(err)}
	if e.Code == "" {
		e.Code = CodeParse
	}
	if len(t.nodes) > 0 && t.nodes[0].id != 0 {
		e.ID = t.nodes[0].id.String()
	}
	return e
}

func (t *translator) write(dst []byte) []byte {
	dst, whole := wire.Open(dst, wire.RequestResourceSpans)
	dst = t.resource(dst)
	dst, scope := wire.Open(dst, wire.ResourceSpansScope)
	for n := range t.nodes {
		dst = t.appendSpan(dst, int32(n))
	}
	return wire.Close(wire.Close(dst, scope), whole)
}

// find returns the text of a field's value, nil if the node has none.
func (t *translator) find(n int32, f int) []byte {
	if e := t.known(&t.nodes[n], int16(f)); e != nil {
		return t.Src[e.start:e.end]
	}
	return nil
}

// findText is find of a string.
func (t *translator) findText(n int32, f int) []byte {
	s, _ := text(t.find(n, f))
	return s
}

// count looks which fields of groups a node has.
func (t *translator) count(n int32) {
	t.groups = [maxGroups]group{}
	for i := t.nodes[n].first; i >= 0; i = t.entries[i].next {
		if e := &t.entries[i]; e.field >= 0 && fields[e.field].group > 0 {
			g := &t.groups[fields[e.field].group]
			g.present++
			g.first = g.first || fields[e.field].first
		}
	}
}

// resource writes the resource of a document: what its segment says of where it ran.
func (t *translator) resource(dst []byte) []byte {
	dst, mark := wire.Open(dst, wire.ResourceSpansResource)
	root := &t.nodes[0]
	if !root.separate { // whose part a subsegment is, it does not say
		name, _ := t.textAt(root.nameAt)
		dst = wire.AppendTextAttr(dst, wire.ResourceAttributes, resourceName, name)
	}
	t.count(0)
	provider := "unknown"
	for i := root.first; i >= 0; i = t.entries[i].next {
		e := &t.entries[i]
		in := e.in
		if e.field >= 0 {
			f := &fields[e.field]
			in = f.in
			if raw := t.Src[e.start:e.end]; f.resource != "" && canonical(f, raw) {
				dst = t.appendField(dst, wire.ResourceAttributes, f, raw)
			}
		}
		if objAWS <= in && in <= objGateway {
			provider = "aws"
		}
	}
	dst = wire.AppendTextAttr(dst, wire.ResourceAttributes, resourceProvider, provider)
	if platform := platformOf(t.findText(0, originField)); platform != "" {
		dst = wire.AppendTextAttr(dst, wire.ResourceAttributes, resourcePlatform, platform)
	}
	if account := t.findText(0, accountField); account != nil && !root.separate {
		dst = wire.AppendTextAttr(dst, wire.ResourceAttributes, resourceAccount, account)
	}
	if _, language, ok := strings.Cut(string(t.findText(0, sdkField)), "X-Ray for "); ok {
		dst = wire.AppendTextAttr(dst, wire.ResourceAttributes, resourceLanguage, languageOf(language))
	}
	return wire.Close(dst, mark)
}

func languageOf(s string) string {
	if s = strings.ToLower(s); s == "node.js" {
		return "nodejs"
	}
	return s
}

// textAt reads the string at a place of the document.
func (t *translator) textAt(at int32) ([]byte, error) {
	t.I = int(at)
	return t.Text()
}

// appendSpan writes a segment or subsegment.
func (t *translator) appendSpan(dst []byte, n int32) []byte {
	x, root := &t.nodes[n], &t.nodes[0]
	dst, mark := wire.Open(dst, wire.ScopeSpansSpans)
	dst = wire.AppendBytes(dst, wire.SpanTraceID, root.trace[:])
	dst = wire.AppendSpanID(dst, wire.SpanSpanID, uint64(x.id))
	if parent := t.parentOf(n); parent != 0 {
		dst = wire.AppendSpanID(dst, wire.SpanParentID, uint64(parent))
	}
	name, _ := t.textAt(x.nameAt)
	dst = wire.AppendBytes(dst, wire.SpanName, name)
	namespace := t.findText(n, namespaceField)
	kind := clew.KindInternal
	remote := string(namespace) == "aws" || string(namespace) == "remote"
	switch {
	case n == 0 && !x.separate:
		kind, remote = clew.KindServer, false
	case remote:
		kind = clew.KindClient
	}
	dst = wire.AppendVarint(dst, wire.SpanKind, uint64(kind))
	dst = wire.AppendNanos(dst, wire.SpanStart, uint64(x.start))
	if x.hasEnd {
		dst = wire.AppendNanos(dst, wire.SpanEnd, uint64(x.end))
	}
	if remote { // its name is the other side's
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrPeer, name)
		if string(namespace) == "aws" {
			dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrService, name)
		}
	}
	s := &t.span
	*s = spanState{form: s.form[:0], message: s.message[:0]}
	t.begun(n)
	dst = t.attributes(dst, n)
	dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrForm, s.form)
	if s.exceptions != nil {
		dst = t.appendExceptions(dst, x)
	}
	if s.links != nil {
		dst = t.appendLinks(dst)
	}
	if s.failed {
		var status int
		dst, status = wire.Open(dst, wire.SpanStatus)
		dst = wire.AppendText(dst, wire.StatusMessage, s.message)
		dst = wire.AppendVarint(dst, wire.StatusCode, uint64(clew.StatusError))
		dst = wire.Close(dst, status)
	}
	return wire.Close(dst, mark)
}

func (t *translator) parentOf(n int32) clew.SpanID {
	if x := &t.nodes[n]; x.parent >= 0 {
		return t.nodes[x.parent].id
	}
	return t.nodes[n].parentID
}

// begun writes the first word of the form of a node, and counts it among its sisters.
func (t *translator) begun(n int32) {
	x := &t.nodes[n]
	t.other.reset()
	switch {
	case x.parent >= 0:
		t.span.form = append(t.span.form, formNested...)
	case x.separate:
		t.span.form = append(t.span.form, formSubsegment...)
	default:
		t.span.form = append(t.span.form, formSegment...)
	}
	if n == 0 && x.traceForm == formW3C {
		t.word(wordW3C, "")
	}
	if x.startSpelt != speltOwn {
		if w := spellingWords[x.startSpelt]; w != "" {
			t.word("start_time", w)
		}
	}
	if x.hasEnd && x.endSpelt != speltOwn {
		if w := spellingWords[x.endSpelt]; w != "" {
			t.word("end_time", w)
		}
	}
}

// word adds a word to the form of a span.
func (t *translator) word(w, more string) {
	t.span.form = append(t.span.form, ' ')
	t.span.form = append(t.span.form, w...)
	t.span.form = append(t.span.form, more...)
}

// The words of a form.
const (
	formSegment    = "segment"
	formSubsegment = "subsegment"
	formNested     = "nested"
	wordW3C        = "w3c"
)

// attributes writes the attributes of a span.
func (t *translator) attributes(dst []byte, n int32) []byte {
	t.count(n)
	x := &t.nodes[n]
	for i := x.first; i >= 0; i = t.entries[i].next {
		e := &t.entries[i]
		raw := t.Src[e.start:e.end]
		switch e.field {
		case entryUnknown:
			dst = t.appendUnknown(dst, e, raw)
		case entryAnnotation:
			dst = t.appendAnnotation(dst, e, raw)
		case entryMetadata:
			dst = wire.AppendTextAttr(dst, wire.SpanAttributes, t.key(prefixMetadata, e), raw)
		default:
			dst = t.appendAttribute(dst, n, &fields[e.field], raw)
		}
	}
	if x.parent >= 0 {
		dst = t.appendIndex(dst, n)
	}
	if t.span.hasAnnotations {
		dst = t.appendAnnotationKeys(dst, n)
	}
	if rest := t.other.end(); rest != nil {
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrOther, rest)
	}
	return dst
}

// appendIndex writes which of its parent's subsegments a nested one is, unless it follows
// from the order of starts and ids.
func (t *translator) appendIndex(dst []byte, n int32) []byte {
	x := &t.nodes[n]
	p := &t.nodes[x.parent]
	index := p.children
	p.children++
	if index == 0 || x.start > p.lastStart || x.start == p.lastStart && x.id > p.lastID {
		p.lastStart, p.lastID = x.start, x.id
		return dst
	}
	return wire.AppendIntAttr(dst, wire.SpanAttributes, attrIndex, int64(index))
}

// keep leaves a value of a field to aws.xray.other.
func (t *translator) keep(f *field, raw []byte) {
	var room [32]byte
	t.other.put(f.in, append(append(append(room[:0], '"'), f.name...), '"'), raw)
}

// appendAttribute writes the value of a field of the schema.
func (t *translator) appendAttribute(dst []byte, n int32, f *field, raw []byte) []byte {
	s := &t.span
	switch f.kind {
	case kindID, kindName, kindTraceID, kindParentID, kindType, kindStart, kindEnd:
		return t.appendIdentity(dst, n, f, raw)
	case kindInProgress:
		if raw[0] != 't' && raw[0] != 'f' {
			t.keep(f, raw)
			return dst
		}
		return wire.AppendBoolAttr(dst, wire.SpanAttributes, f.attr, raw[0] == 't')
	case kindLinks:
		s.links = raw
		if !canonicalLinks(raw) {
			t.keep(f, raw)
		}
		return dst
	case kindExceptions:
		s.failed = true
		if !canonicalExceptions(raw) {
			t.keep(f, raw)
			return dst
		}
		s.exceptions = raw
		return dst
	case kindURL:
		return t.appendURL(dst, f, raw)
	case kindCause:
		if id, ok := text(raw); ok {
			s.failed, s.message = true, append(s.message[:0], id...)
			return wire.AppendTextAttr(dst, wire.SpanAttributes, f.attr, id)
		}
		t.keep(f, raw)
		return dst
	}
	if f.in == objCause {
		s.failed = true
	}
	if !canonical(f, raw) || f.resource != "" && n > 0 {
		if f.kind == kindInt { // a number in a string
			if v, ok := text(raw); ok {
				if v, ok := integer(v); ok {
					dst = wire.AppendIntAttr(dst, wire.SpanAttributes, f.attr, v)
				}
			}
		}
		t.keep(f, raw)
		return dst
	}
	if f.resource != "" {
		return dst // it is there
	}
	switch f.attr {
	case "aws.xray.error", "aws.xray.fault", "aws.xray.throttle":
		s.failed = s.failed || raw[0] == 't'
	case "http.status_code":
		v, _ := integer(raw)
		s.failed = s.failed || v >= 400
	}
	return t.appendField(dst, wire.SpanAttributes, f, raw)
}

// appendIdentity writes what of ids and times a span's own fields do not say.
func (t *translator) appendIdentity(dst []byte, n int32, f *field, raw []byte) []byte {
	x, root := &t.nodes[n], &t.nodes[0]
	says := true // nothing else needs to
	switch f.kind {
	case kindID:
		says = x.idSmall
	case kindTraceID:
		says = x.traceForm == formXRay || x.traceForm == formW3C
		if n > 0 {
			if says = says && x.trace == root.trace && x.traceForm == root.traceForm; says {
				more := ""
				if x.traceForm == formW3C {
					more = "=" + wordW3C
				}
				t.word(f.name, more)
			}
		}
	case kindParentID:
		says = x.parentSmall
		if n > 0 {
			if says = says && x.parentID == t.nodes[x.parent].id; says {
				t.word(f.name, "")
			}
		}
	case kindType:
		says = x.separate
		if n > 0 && says {
			t.word(f.name, "")
		}
	case kindStart:
		if x.startSpelt == speltOwn {
			return wire.AppendTextAttr(dst, wire.SpanAttributes, attrStart, raw)
		}
	case kindEnd:
		if x.endSpelt == speltOwn {
			return wire.AppendTextAttr(dst, wire.SpanAttributes, attrEnd, raw)
		}
	}
	if !says {
		t.keep(f, raw)
	}
	return dst
}

// canonical reports whether an attribute of a field's kind says all that a value does.
func canonical(f *field, raw []byte) bool {
	switch f.kind {
	case kindText:
		return raw[0] == '"'
	case kindBool:
		return raw[0] == 't' || raw[0] == 'f'
	case kindInt, kindIntText:
		_, ok := integer(raw)
		return ok
	case kindTexts:
		return isTexts(raw)
	case kindLogs:
		return canonicalLogs(raw)
	}
	return false
}

// appendField writes a canonical value as attribute of the span or resource.
func (t *translator) appendField(dst []byte, num int, f *field, raw []byte) []byte {
	key, _ := f.key()
	if f.group > 0 {
		g := &t.groups[f.group]
		if g.present > 1 || !g.first {
			dst = appendValue(dst, num, f.own, f.kind, raw)
		}
		if g.done {
			return dst
		}
		g.done = true
	}
	return appendValue(dst, num, key, f.kind, raw)
}

func appendValue(dst []byte, num int, key string, kind kind, raw []byte) []byte {
	switch kind {
	case kindText:
		s, _ := text(raw)
		return wire.AppendTextAttr(dst, num, key, s)
	case kindBool:
		return wire.AppendBoolAttr(dst, num, key, raw[0] == 't')
	case kindInt:
		v, _ := integer(raw)
		return wire.AppendIntAttr(dst, num, key, v)
	case kindIntText:
		return wire.AppendTextAttr(dst, num, key, raw)
	case kindTexts:
		return wire.AppendTextsAttr(dst, num, key, texts(raw))
	case kindLogs:
		return appendLogs(dst, num, raw)
	}
	return dst
}

// appendUnknown writes what the schema does not know: simple values of aws, which is an
// open set, as attributes, all else as JSON.
func (t *translator) appendUnknown(dst []byte, e *entry, raw []byte) []byte {
	if e.in == objAWS {
		if out, same, ok := t.appendScalar(dst, prefixAWS, e, raw); ok && same {
			return out
		}
	}
	t.other.put(e.in, t.Src[e.key:e.keyEnd], raw)
	return dst
}

// appendScalar writes a text, number or bool under a key of the document; same reports that
// nothing of the value is lost.
func (t *translator) appendScalar(dst []byte, prefix string, e *entry, raw []byte) (out []byte, same, ok bool) {
	switch raw[0] {
	case '"':
		key := t.key(prefix, e)
		s, _ := t.textAt(e.start)
		return wire.AppendTextAttr(dst, wire.SpanAttributes, key, s), true, true
	case 't', 'f':
		return wire.AppendBoolAttr(dst, wire.SpanAttributes, t.key(prefix, e), raw[0] == 't'), true, true
	case '{', '[', 'n':
		return dst, false, false
	}
	v, same, ok := number(raw)
	if !ok {
		return dst, false, false
	}
	return wire.AppendAttr(dst, wire.SpanAttributes, t.key(prefix, e), v), same, true
}

// appendAnnotation writes an annotation under its own name, or one that says so where that
// name means something else.
func (t *translator) appendAnnotation(dst []byte, e *entry, raw []byte) []byte {
	t.span.hasAnnotations = true
	key, _ := t.textAt(e.key)
	prefix := ""
	if len(key) == 0 || reserved(key) {
		prefix = prefixAnnotation
	}
	out, same, ok := t.appendScalar(dst, prefix, e, raw)
	if !ok || !same {
		t.other.put(objAnnotations, t.Src[e.key:e.keyEnd], raw)
	}
	return out
}

// appendAnnotationKeys lists the annotations of a span.
func (t *translator) appendAnnotationKeys(dst []byte, n int32) []byte {
	var keys []string
	for i := t.nodes[n].first; i >= 0; i = t.entries[i].next {
		if e := &t.entries[i]; e.field == entryAnnotation {
			keys = append(keys, t.key("", e))
		}
	}
	return wire.AppendTextsAttr(dst, wire.SpanAttributes, attrAnnotations, keys)
}

// maxInterned bounds the keys that are remembered.
const maxInterned = 1024

// key returns the key of an entry behind a prefix.
func (t *translator) key(prefix string, e *entry) string {
	s, _ := t.textAt(e.key)
	t.scratch = append(append(t.scratch[:0], prefix...), s...)
	if k, ok := t.interned[string(t.scratch)]; ok {
		return k
	}
	k := string(t.scratch)
	if t.interned == nil || len(t.interned) >= maxInterned {
		t.interned = make(map[string]string)
	}
	if len(k) <= maxShown {
		t.interned[k] = k
	}
	return k
}
