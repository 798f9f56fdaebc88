package scim

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Op is what a filter asks (RFC 7644 3.4.2.2).
type Op string

// The operators. Has is the brackets of emails[type eq "work"].
const (
	Eq  Op = "eq"
	Ne  Op = "ne"
	Co  Op = "co"
	Sw  Op = "sw"
	Ew  Op = "ew"
	Pr  Op = "pr"
	Gt  Op = "gt"
	Ge  Op = "ge"
	Lt  Op = "lt"
	Le  Op = "le"
	And Op = "and"
	Or  Op = "or"
	Not Op = "not"
	Has Op = "[]"
)

// Filter is one expression of a filter: a comparison of the attribute at Path with Value, or a combination of Terms: two or more of And
// and Or, one of Not and Has. Value is a string, float64, bool, or nil for null.
type Filter struct {
	Op    Op
	Path  Path
	Value any
	Terms []Filter
}

// What a filter may be at most: its length in bytes, how deep brackets nest, and how many comparisons it makes.
const (
	filterMost      = 2000
	filterDepth     = 10
	comparisonsMost = 40
)

// ParseFilter reads a filter. What it can't read is an Invalid fault whose scimType is invalidFilter.
func ParseFilter(text string) (Filter, error) {
	if len(text) > filterMost {
		return Filter{}, Unsupported(fmt.Sprintf("A filter may have %d characters. Send a shorter one", filterMost))
	}
	p := filterParser{rest: text}
	f, err := p.or(0)
	if err == nil && p.skip() != "" {
		err = p.bad("nothing more")
	}
	if err != nil {
		return Filter{}, err
	}
	return f, nil
}

// filterParser is a descent through the grammar of figure 1: or, and, not and brackets, comparison.
type filterParser struct {
	rest        string
	comparisons int
}

func (p *filterParser) bad(wanted string) error {
	found := quoted(p.rest)
	if p.rest == "" {
		found = "the end"
	}
	return Unsupported("The filter can't be read: " + wanted + " is expected, and there is " + found)
}

// skip drops spaces and returns what is left.
func (p *filterParser) skip() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	return p.rest
}

// word takes a keyword if it comes next and ends there.
func (p *filterParser) word(keyword string) bool {
	rest := p.skip()
	if len(rest) < len(keyword) || !strings.EqualFold(rest[:len(keyword)], keyword) {
		return false
	}
	if after := rest[len(keyword):]; after == "" || after[0] == ' ' || after[0] == '(' || after[0] == ')' || after[0] == ']' {
		p.rest = after
		return true
	}
	return false
}

func (p *filterParser) or(depth int) (Filter, error) { return p.chain(Or, depth, p.and) }

func (p *filterParser) and(depth int) (Filter, error) { return p.chain(And, depth, p.term) }

// chain reads terms with one operator between them.
func (p *filterParser) chain(op Op, depth int, term func(int) (Filter, error)) (Filter, error) {
	first, err := term(depth)
	if err != nil {
		return Filter{}, err
	}
	terms := []Filter{first}
	for p.word(string(op)) {
		next, err := term(depth)
		if err != nil {
			return Filter{}, err
		}
		terms = append(terms, next)
	}
	if len(terms) == 1 {
		return first, nil
	}
	return Filter{Op: op, Terms: terms}, nil
}

func (p *filterParser) term(depth int) (Filter, error) {
	if depth > filterDepth {
		return Filter{}, Unsupported("The filter is nested too deeply")
	}
	if strings.HasPrefix(p.skip(), "(") {
		return p.within("(", ")", depth)
	}
	if before := *p; p.word("not") {
		if strings.HasPrefix(p.skip(), "(") {
			inner, err := p.within("(", ")", depth)
			return Filter{Op: Not, Terms: []Filter{inner}}, err
		}
		*p = before // an attribute of that name
	}
	return p.comparison(depth)
}

// within reads an expression between brackets.
func (p *filterParser) within(open, end string, depth int) (Filter, error) {
	p.rest = strings.TrimPrefix(p.skip(), open)
	inner, err := p.or(depth + 1)
	if err != nil {
		return Filter{}, err
	}
	rest, closed := strings.CutPrefix(p.skip(), end)
	if !closed {
		return Filter{}, p.bad(end)
	}
	p.rest = rest
	return inner, nil
}

func (p *filterParser) comparison(depth int) (Filter, error) {
	if p.comparisons++; p.comparisons > comparisonsMost {
		return Filter{}, Unsupported(fmt.Sprintf("A filter may compare %d times. Send a shorter one", comparisonsMost))
	}
	rest := p.skip()
	end := strings.IndexAny(rest+" ", " []()\"")
	path, ok := parsePath(rest[:end])
	if !ok {
		return Filter{}, p.bad("the name of an attribute")
	}
	p.rest = rest[end:]
	if strings.HasPrefix(p.rest, "[") {
		inner, err := p.within("[", "]", depth)
		return Filter{Op: Has, Path: path, Terms: []Filter{inner}}, err
	}
	if p.word(string(Pr)) {
		return Filter{Op: Pr, Path: path}, nil
	}
	for _, op := range []Op{Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le} {
		if p.word(string(op)) {
			value, err := p.value()
			return Filter{Op: op, Path: path, Value: value}, err
		}
	}
	return Filter{}, p.bad("an operator such as eq")
}

// value reads a string, number, true, false or null as JSON writes them; the words in any case.
func (p *filterParser) value() (value any, err error) {
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if p.word(word) {
			return v, nil
		}
	}
	dec := json.NewDecoder(strings.NewReader(p.skip()))
	if err := dec.Decode(&value); err != nil {
		return nil, p.bad("a value in quotes")
	}
	text, _ := value.(string)
	if strings.ContainsRune(text, 0) { // which no store keeps
		return nil, p.bad("a value in quotes without the character NUL")
	}
	switch value.(type) {
	case string, float64:
		p.rest = p.rest[dec.InputOffset():]
		return value, nil
	}
	return nil, p.bad("a value in quotes")
}

// Matches reports whether one value of a multi-valued attribute fits the filter of its brackets. Text is compared without regard to case.
func (f Filter) Matches(value map[string]any) bool {
	switch f.Op {
	case And, Or:
		for _, term := range f.Terms {
			if term.Matches(value) == (f.Op == Or) {
				return f.Op == Or
			}
		}
		return f.Op == And
	case Not:
		return !f.Terms[0].Matches(value)
	case Has:
		return false // no attribute here has brackets within brackets
	}
	is, there := lookUp(value, f.Path.String())
	if f.Op == Pr {
		return there
	}
	text, isText := is.(string)
	wanted, wantsText := f.Value.(string)
	if !isText || !wantsText {
		return f.Op == Eq && is == f.Value || f.Op == Ne && is != f.Value
	}
	text, wanted = strings.ToLower(text), strings.ToLower(wanted)
	return map[Op]bool{Eq: text == wanted, Ne: text != wanted, Co: strings.Contains(text, wanted), Sw: strings.HasPrefix(text, wanted), Ew: strings.HasSuffix(text, wanted)}[f.Op]
}

func lookUp(object map[string]any, name string) (any, bool) {
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return v, v != nil
		}
	}
	return nil, false
}
