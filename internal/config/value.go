package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/size"
)

// A Value holds one setting and reads it from text. String gives text that Set
// accepts again; Type names the kind of value in one word, for help. It is what
// the flag packages ask for.
type Value interface {
	String() string
	Set(text string) error
	Type() string
}

// Text is a free string.
type Text string

// Set takes text as it is.
func (v *Text) Set(text string) error { *v = Text(text); return nil }

// String returns the text.
func (v *Text) String() string { return string(*v) }

// Type returns "text".
func (v *Text) Type() string { return "text" }

// Flag is a truth value.
type Flag bool

// Set reads true or false in the spellings of strconv.ParseBool.
func (v *Flag) Set(text string) error {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("want true or false")
	}
	*v = Flag(b)
	return nil
}

// String returns true or false.
func (v *Flag) String() string { return strconv.FormatBool(bool(*v)) }

// Type returns "bool".
func (v *Flag) Type() string { return "bool" }

// List is a list of words, in one text separated by commas.
type List []string

// Set replaces the list; blanks around words and empty words are dropped.
func (v *List) Set(text string) error {
	*v = nil
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*v = append(*v, word)
		}
	}
	return nil
}

// String joins the words with commas.
func (v *List) String() string { return strings.Join(*v, ",") }

// Type returns "list".
func (v *List) Type() string { return "list" }

// Origins is a list of them, as browsers tell them.
type Origins []string

// Set replaces the list; what is no origin is refused, as no page would ever have it.
func (v *Origins) Set(text string) error {
	var list List
	if err := list.Set(text); err != nil {
		return err
	}
	for _, word := range list {
		u, err := url.Parse(word)
		if word != "*" && (err != nil || u.Scheme == "" || u.Host == "" || word != u.Scheme+"://"+u.Host) {
			return clew.Errorf(clew.Invalid, "%q is no origin: want scheme and host, and the port where it is not the usual one, such as https://shop.example, or *", word)
		}
	}
	*v = Origins(list)
	return nil
}

// String joins the words with commas.
func (v *Origins) String() string { return (*List)(v).String() }

// Type returns "list".
func (v *Origins) Type() string { return "list" }

// Count is a whole number in a range; Min and Max are part of the declaration. With Auto
// the program chooses.
type Count struct {
	N        int
	Min, Max int
	// Auto is true while the program chooses; CanAuto allows that.
	Auto, CanAuto bool
}

// Set reads a decimal number within the range, or "auto" where that is allowed.
func (v *Count) Set(text string) error {
	if v.CanAuto && text == "auto" {
		v.N, v.Auto = 0, true
		return nil
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil || n < v.Min || n > v.Max {
		return fmt.Errorf("want a whole number from %d to %d", v.Min, v.Max)
	}
	v.N, v.Auto = n, false
	return nil
}

// String returns the number or auto.
func (v *Count) String() string {
	if v.Auto {
		return "auto"
	}
	return strconv.Itoa(v.N)
}

// Type returns "number".
func (v *Count) Type() string { return "number" }

// Port is a TCP port. 0 asks the system for a free one; Off means that the
// address is not opened.
type Port struct {
	N   int
	Off bool
	// CanOff says whether the setting may be "off".
	CanOff bool
}

// Set reads a port number, or "off" where that is allowed.
func (v *Port) Set(text string) error {
	if v.CanOff && text == "off" {
		v.N, v.Off = 0, true
		return nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(text, ":"))
	if err != nil || n < 0 || n > maxPort {
		want := "want a port from 0 (any free one) to 65535"
		if v.CanOff {
			want += ", or off"
		}
		return fmt.Errorf("%s", want)
	}
	v.N, v.Off = n, false
	return nil
}

// String returns the number or off.
func (v *Port) String() string {
	if v.Off {
		return "off"
	}
	return strconv.Itoa(v.N)
}

// Type returns "port".
func (v *Port) Type() string { return "port" }

// Level is how much is logged.
type Level struct{ L slog.Level }

// Set reads debug, info, warn or error.
func (v *Level) Set(text string) error {
	switch strings.ToLower(text) {
	case "debug", "info", "warn", "error":
		return v.L.UnmarshalText([]byte(text))
	}
	return fmt.Errorf("want debug, info, warn or error")
}

// String returns the level's name in lower case.
func (v *Level) String() string { return strings.ToLower(v.L.String()) }

// Type returns "level".
func (v *Level) Type() string { return "level" }

// Choice is one word out of a few.
type Choice struct {
	Word string
	Of   []string
}

// Set accepts one of the words.
func (v *Choice) Set(text string) error {
	for _, w := range v.Of {
		if w == text {
			v.Word = w
			return nil
		}
	}
	return fmt.Errorf("want %s", orList(v.Of))
}

// String returns the word.
func (v *Choice) String() string { return v.Word }

// Type returns the words, separated by bars.
func (v *Choice) Type() string { return strings.Join(v.Of, "|") }

// Duration is a length of time within a range, written as Go does (1h30m,
// 250ms) with days besides (7d, 1d12h).
type Duration struct {
	D        time.Duration
	Min, Max time.Duration
}

// Set reads a duration within the range.
func (v *Duration) Set(text string) error {
	d, err := ParseDuration(text)
	if err != nil {
		return err
	}
	if d < v.Min {
		return fmt.Errorf("want at least %s", FormatDuration(v.Min))
	}
	if v.Max > 0 && d > v.Max {
		return fmt.Errorf("want at most %s", FormatDuration(v.Max))
	}
	v.D = d
	return nil
}

// String returns the duration in its shortest form.
func (v *Duration) String() string { return FormatDuration(v.D) }

// Type returns "duration".
func (v *Duration) Type() string { return "duration" }

// Size is a number of bytes of at least Min; with Auto the program chooses.
type Size struct {
	Bytes int64
	Min   int64
	// Auto is true while the program chooses; CanAuto allows that.
	Auto, CanAuto bool
}

// Set reads a size, or "auto" where that is allowed.
func (v *Size) Set(text string) error {
	if v.CanAuto && text == "auto" {
		v.Bytes, v.Auto = 0, true
		return nil
	}
	n, err := size.Parse(text)
	if err != nil {
		return err
	}
	if n < v.Min {
		return fmt.Errorf("want at least %s", size.Format(v.Min))
	}
	v.Bytes, v.Auto = n, false
	return nil
}

// String returns the size in its shortest exact form.
func (v *Size) String() string {
	if v.Auto {
		return "auto"
	}
	return size.Format(v.Bytes)
}

// Type returns "size".
func (v *Size) Type() string { return "size" }

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
