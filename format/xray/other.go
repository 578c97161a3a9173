package xray

// other collects, as a JSON object, what attributes cannot say of a segment: each value
// where it was.
type other struct {
	text []byte
	// path are the objects that are open, from outside in.
	path [maxPath]object
	deep int
}

// maxPath is the deepest object of the schema: aws.ec2.
const maxPath = 3

func (x *other) reset() { x.text, x.deep = x.text[:0], 0 }

// put adds a value of a key, as it is in the document, in quotes.
func (x *other) put(in object, key, value []byte) {
	var want [maxPath]object
	deep := 0
	for o := in; o != objSegment; o = home[o].in {
		copy(want[1:], want[:deep])
		want[0] = o
		deep++
	}
	if len(x.text) == 0 {
		x.text = append(x.text, '{')
	}
	same := 0
	for same < deep && same < x.deep && want[same] == x.path[same] {
		same++
	}
	for ; x.deep > same; x.deep-- {
		x.text = append(x.text, '}')
	}
	for ; x.deep < deep; x.deep++ {
		x.comma()
		x.text = append(x.text, '"')
		x.text = append(x.text, home[want[x.deep]].key...)
		x.text = append(x.text, `":{`...)
		x.path[x.deep] = want[x.deep]
	}
	x.comma()
	x.text = append(x.text, key...)
	x.text = append(x.text, ':')
	x.text = append(x.text, value...)
}

func (x *other) comma() {
	if x.text[len(x.text)-1] != '{' {
		x.text = append(x.text, ',')
	}
}

// end returns the object, nil if there is nothing in it.
func (x *other) end() []byte {
	if len(x.text) == 0 {
		return nil
	}
	for ; x.deep >= 0; x.deep-- {
		x.text = append(x.text, '}')
	}
	return x.text
}
