package xray

import (
	"encoding/hex"
	"strings"

	"github.com/clew-tracing/clew"
)

// A form is how a trace's id was spelt.
type form uint8

const (
	formNone   form = iota
	formXRay        // 1-5759e988-bd862e3fe1be46a994272793
	formW3C         // 5759e988bd862e3fe1be46a994272793
	formOdd         // with capital letters
	formBroken      // of a subsegment, where it says nothing
)

// ParseTraceID reads an id of a trace in X-Ray's spelling or W3C's. The time that X-Ray's
// begins with may be any.
func ParseTraceID(s string) (clew.TraceID, error) {
	if id, f := parseTraceID([]byte(s)); f != formBroken {
		return id, nil
	}
	return clew.TraceID{}, clew.Errorf(clew.Invalid, "trace id %q: want 1-, 8 hex digits, - and 24 more, or 32 hex digits, and not all zeros", clip([]byte(s)))
}

// FormatTraceID is the inverse of ParseTraceID, in X-Ray's spelling.
func FormatTraceID(id clew.TraceID) string {
	return string(appendTraceID(nil, id))
}

func appendTraceID(dst []byte, id clew.TraceID) []byte {
	dst = hex.AppendEncode(append(dst, "1-"...), id[:4])
	return hex.AppendEncode(append(dst, '-'), id[4:])
}

func parseTraceID(s []byte) (clew.TraceID, form) {
	var id clew.TraceID
	f := formW3C
	var digits [32]byte
	switch {
	case len(s) == 35 && s[0] == '1' && s[1] == '-' && s[10] == '-':
		f = formXRay
		copy(digits[:], s[2:10])
		copy(digits[8:], s[11:])
	case len(s) == 32:
		copy(digits[:], s)
	default:
		return id, formBroken
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil || id.IsZero() {
		return clew.TraceID{}, formBroken
	}
	if capital(digits[:]) {
		f = formOdd
	}
	return id, f
}

// parseID reads an id of a segment. small reports that it has no capital letters.
func parseID(s []byte) (id clew.SpanID, small, ok bool) {
	if len(s) != 16 {
		return 0, false, false
	}
	var v uint64
	for _, c := range s {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false, false
		}
		v = v<<4 | uint64(c)
	}
	return clew.SpanID(v), !capital(s), v != 0
}

func capital(s []byte) bool {
	for _, c := range s {
		if 'A' <= c && c <= 'F' {
			return true
		}
	}
	return false
}

// platforms are the clouds' own names of what a segment ran on, by the beginning of its
// origin.
var platforms = []struct{ origin, platform string }{
	{"AWS::EC2::", "aws_ec2"}, {"AWS::ECS::", "aws_ecs"}, {"AWS::EKS::", "aws_eks"},
	{"AWS::ElasticBeanstalk::", "aws_elastic_beanstalk"}, {"AWS::AppRunner::", "aws_app_runner"},
	{"AWS::Lambda", "aws_lambda"},
}

func platformOf(origin []byte) string {
	for _, p := range platforms {
		if strings.HasPrefix(string(origin), p.origin) {
			return p.platform
		}
	}
	return ""
}
