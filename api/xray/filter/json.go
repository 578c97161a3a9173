package filter

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Pattern is a root cause as GetTraceSummaries has it, of which what is nil fits anything. A
// list that is there fits one of as many, of which each fits.
type Pattern struct {
	Services        []ServicePattern `json:",omitempty"`
	ClientImpacting *bool            `json:",omitempty"`
}

// ServicePattern is a service of a Pattern.
type ServicePattern struct {
	Name       *string         `json:",omitempty"`
	Names      []string        `json:",omitempty"`
	Type       *string         `json:",omitempty"`
	AccountID  *Account        `json:"AccountId,omitempty"`
	EntityPath []EntityPattern `json:",omitempty"`
	Inferred   *bool           `json:",omitempty"`
}

// EntityPattern is a segment or subsegment of a ServicePattern.
type EntityPattern struct {
	Name       *string            `json:",omitempty"`
	Coverage   *float64           `json:",omitempty"`
	Remote     *bool              `json:",omitempty"`
	Exceptions []ExceptionPattern `json:",omitempty"`
}

// ExceptionPattern is an exception of an EntityPattern.
type ExceptionPattern struct {
	Name    *string `json:",omitempty"`
	Message *string `json:",omitempty"`
}

// Account is the id of an account, which documentation has as a number and the API as a
// string.
type Account string

// UnmarshalJSON implements json.Unmarshaler.
func (a *Account) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*a = Account(s)
		return nil
	}
	var n json.Number
	err := json.Unmarshal(text, &n)
	*a = Account(n)
	return err
}

// json reads what stands behind rootcause.json.
func (p *parser) json(start int) (Expr, error) {
	unequal := p.take("!=")
	if !unequal && !p.take("=") {
		return nil, p.want("= #[…]")
	}
	if !p.take("#") {
		return nil, p.want(`#[{"Services": [{"Name": "…"}]}]`)
	}
	open := p.off
	if !strings.HasPrefix(p.text[open:], "[") {
		return nil, p.want("[")
	}
	d := json.NewDecoder(strings.NewReader(p.text[open:]))
	d.DisallowUnknownFields()
	x := new(CauseJSON)
	if err := d.Decode(&x.Any); err != nil {
		at := open + int(d.InputOffset())
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &kind):
			return nil, p.errorf(open+int(kind.Offset), open+int(kind.Offset)+1, "%s of a root cause cannot be a %s", kind.Field, kind.Value)
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return nil, p.errorf(start, len(p.text), "the list of root causes is not closed; ] ends it")
		}
		return nil, p.errorf(at, at+1, "the list of root causes is no JSON of the form that GetTraceSummaries has: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	p.off = open + int(d.InputOffset())
	p.skip()
	x.tidy()
	if unequal {
		return &Not{x}, nil
	}
	return x, nil
}

// tidy makes lists of nothing nil ones: they say nothing.
func (x *CauseJSON) tidy() {
	for i := range x.Any {
		c := &x.Any[i]
		for k := range c.Services {
			s := &c.Services[k]
			for n := range s.EntityPath {
				if e := &s.EntityPath[n]; len(e.Exceptions) == 0 {
					e.Exceptions = nil
				}
			}
			if len(s.EntityPath) == 0 {
				s.EntityPath = nil
			}
			if len(s.Names) == 0 {
				s.Names = nil
			}
		}
		if len(c.Services) == 0 {
			c.Services = nil
		}
	}
}
