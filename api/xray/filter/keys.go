package filter

import "strings"

// Key is what a Test asks for.
type Key uint8

// The keys.
const (
	OK Key = iota
	HasError
	HasThrottle
	HasFault
	Partial
	Inferred
	First
	Last
	Remote
	Root
	ResponseTime
	Duration
	HTTPStatus
	Index
	Coverage
	HTTPURL
	HTTPMethod
	HTTPUserAgent
	HTTPClientIP
	User
	Name
	Type
	Message
	AvailabilityZone
	InstanceID
	ResourceARN
	GroupName
	GroupARN
	Annotation
	keyCount
)

// place is where a key can stand, a set of bits.
type place uint8

const (
	inTrace     place = 1 << iota // outside of braces
	inService                     // service() { … }
	inEdge                        // edge() { … }
	inServices                    // rootcause.….service { … }
	inEntities                    // rootcause.fault.entity, rootcause.error.entity
	inSlow                        // rootcause.responsetime.entity
	inException                   // rootcause.….exception
)

const (
	ofNodes = inTrace | inService | inEdge
	ofLists = inServices | inEntities | inSlow | inException
)

// keyType is what values a key has.
type keyType uint8

const (
	truths keyType = iota
	numbers
	texts
	anything // an annotation's, which has one of the others
)

// keyTable says of each key how it is written, what values it has, where it can stand, and
// where it cannot, where to put it.
var keyTable = [keyCount]struct {
	name  string
	typ   keyType
	in    place
	where string
}{
	OK:               {"ok", truths, ofNodes, ""},
	HasError:         {"error", truths, ofNodes, ""},
	HasThrottle:      {"throttle", truths, ofNodes, ""},
	HasFault:         {"fault", truths, ofNodes, ""},
	Partial:          {"partial", truths, ofNodes, ""},
	Inferred:         {"inferred", truths, ofNodes | inServices, ""},
	First:            {"first", truths, ofLists, ofCauses},
	Last:             {"last", truths, ofLists, ofCauses},
	Remote:           {"remote", truths, inEntities | inSlow, "rootcause.fault.entity { remote }"},
	Root:             {"root", truths, inService, "service() { root }"},
	ResponseTime:     {"responsetime", numbers, ofNodes, ""},
	Duration:         {"duration", numbers, ofNodes, ""},
	HTTPStatus:       {"http.status", numbers, ofNodes, ""},
	Index:            {"index", numbers, ofLists, ofCauses},
	Coverage:         {"coverage", numbers, inSlow, "rootcause.responsetime.entity { coverage > 0.8 }"},
	HTTPURL:          {"http.url", texts, ofNodes, ""},
	HTTPMethod:       {"http.method", texts, ofNodes, ""},
	HTTPUserAgent:    {"http.useragent", texts, ofNodes, ""},
	HTTPClientIP:     {"http.clientip", texts, ofNodes, ""},
	User:             {"user", texts, ofNodes, ""},
	Name:             {"name", texts, inService | ofLists, `service() { name BEGINSWITH "a" }`},
	Type:             {"type", texts, inService | inServices, `service() { type = "AWS::Lambda" }`},
	Message:          {"message", texts, inException, `rootcause.fault.exception { message = "…" }`},
	AvailabilityZone: {"availabilityzone", texts, ofNodes, ""},
	InstanceID:       {"instance.id", texts, ofNodes, ""},
	ResourceARN:      {"resource.arn", texts, ofNodes, ""},
	GroupName:        {"group.name", texts, inTrace, ""},
	GroupARN:         {"group.arn", texts, inTrace, ""},
	Annotation:       {"annotation", anything, ofNodes, ""},
}

const ofCauses = "rootcause.fault.service { last }"

// String returns the key as X-Ray's documentation writes it.
func (k Key) String() string { return keyTable[k].name }

// keyNamed finds a key by its name in small letters. That of groups is written without the dot,
// too.
func keyNamed(name string) (Key, bool) {
	switch name {
	case "groupname":
		return GroupName, true
	case "grouparn":
		return GroupARN, true
	}
	for k := range keyTable {
		if keyTable[k].name == name {
			return Key(k), true
		}
	}
	return 0, false
}

// causes are the lists of root causes by their names; what can stand in their braces follows
// from place.
var causes = [...]struct {
	name string
	of   Outcome
	part Part
	in   place
}{
	{"rootcause.fault.service", OfFault, Services, inServices},
	{"rootcause.fault.entity", OfFault, Entities, inEntities},
	{"rootcause.fault.exception", OfFault, Exceptions, inException},
	{"rootcause.error.service", OfError, Services, inServices},
	{"rootcause.error.entity", OfError, Entities, inEntities},
	{"rootcause.error.exception", OfError, Exceptions, inException},
	{"rootcause.responsetime.service", OfResponseTime, Services, inServices},
	{"rootcause.responsetime.entity", OfResponseTime, Entities, inSlow},
}

// String returns the name of a list of root causes.
func (c *Cause) name() string {
	for i := range causes {
		if causes[i].of == c.Of && causes[i].part == c.Part {
			return causes[i].name
		}
	}
	return "rootcause" // none is made so
}

// words are the names that can begin a condition at a place, and operators, for those who
// misspell them.
func words(in place) []string {
	out := []string{"annotation.", "CONTAINS", "BEGINSWITH", "ENDSWITH", "AND", "OR"}
	for k := range keyTable {
		if keyTable[k].in&in != 0 {
			out = append(out, keyTable[k].name)
		}
	}
	if in == inTrace {
		out = append(out, "service", "edge", nameJSON)
		for i := range causes {
			out = append(out, causes[i].name)
		}
	}
	return out
}

const nameJSON = "rootcause.json"

// opNamed finds an operator that is a word.
func opNamed(word string) (Op, bool) {
	for o := Contains; int(o) < len(opNames); o++ {
		if strings.EqualFold(word, opNames[o]) {
			return o, true
		}
	}
	return 0, false
}

// signs are the operators that are signs, those first that begin with others.
var signs = [...]Op{NotEqual, LessEqual, GreaterEqual, Equal, Less, Greater}

// fits reports whether an operator can compare values of a type.
func (o Op) fits(t ValueType) bool {
	switch t {
	case Number:
		return !o.searches()
	case Truth:
		return o == Equal || o == NotEqual
	}
	return !o.orders()
}
