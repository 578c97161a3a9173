package otlp

// A SpanRange is one span of a request, found without looking into it further
// than its trace id.
type SpanRange struct {
	// Start and End are the byte range of the Span message in the request, tag
	// and length left out.
	Start, End int
	// TraceLow is the low half of the trace id, by which spans are sharded; 0
	// where the id does not have 16 bytes.
	TraceLow uint64
}

// AppendSpanRanges appends the range of every span of body, in order: the
// shallow walk by which a request is shared out over shards. Errors are of kind
// Invalid; that there is none does not say that Decode finds none.
func AppendSpanRanges(dst []SpanRange, body []byte) ([]SpanRange, error) {
	err := eachSpan(body, func(m []byte) error {
		low, err := traceLow(m)
		start := cap(body) - cap(m)
		dst = append(dst, SpanRange{Start: start, End: start + len(m), TraceLow: low})
		return err
	})
	return dst, located(body, err)
}

// CountSpans returns how many spans body has, those included that Decode would
// refuse. Errors are as those of AppendSpanRanges.
func CountSpans(body []byte) (int, error) {
	n := 0
	err := eachSpan(body, func([]byte) error { n++; return nil })
	return n, located(body, err)
}

// eachSpan calls do for each Span message of a request.
func eachSpan(body []byte, do func(m []byte) error) error {
	return eachNested(body, 1, func(resourceSpans []byte) error {
		return eachNested(resourceSpans, 2, func(scopeSpans []byte) error {
			return eachNested(scopeSpans, 2, do)
		})
	})
}

// eachNested calls do for each length-delimited field num of m.
func eachNested(m []byte, num int, do func([]byte) error) error {
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(num, wireBytes) {
			if err := do(f.data); err != nil {
				return err
			}
		}
		i = end
	}
	return nil
}

// traceLow returns the low half of a span's trace id: of several the last counts,
// so that all fields have to be walked.
func traceLow(m []byte) (uint64, error) {
	var (
		f   field
		low uint64
	)
	for i := 0; i < len(m); {
		tag := m[i]
		if tag&7 == wireBytes && tag < 0x80 && i+1 < len(m) && m[i+1] < 0x80 && int(m[i+1]) <= len(m)-i-2 {
			end := i + 2 + int(m[i+1])
			if tag == tagTraceID {
				_, low = traceID(m[i+2 : end])
			}
			i = end
			continue
		}
		if (tag == tagStart || tag == tagEnd) && len(m)-i > 8 {
			i += 9
			continue
		}
		end, err := f.next(m, i)
		if err != nil {
			return 0, err
		}
		if f.is(1, wireBytes) {
			_, low = traceID(f.data)
		}
		i = end
	}
	return low, nil
}
