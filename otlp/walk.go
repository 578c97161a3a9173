package otlp

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
