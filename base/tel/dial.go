package tel

import (
	"errors"
	"strings"
)

// ErrNumber means that what was dialled is no number of the plan.
var ErrNumber = errors.New("tel: no such number")

// Dialled is what a phone's digits mean.
type Dialled struct {
	Number string // E.164, or the digits themselves for Emergency and Short
	Kind   Kind
}

// Dial reads what a phone dialled, in the order that callers rely on: emergency numbers, numbers with "+" or the prefix for calls abroad
// (0011), national numbers with and without the country's code, local numbers, which get localPrefix ("02") in front, and short
// codes. Extensions and feature codes are the caller's to look up before, but after Emergency. It returns ErrNumber for the rest.
func (p Plan) Dial(dialled, localPrefix string) (Dialled, error) {
	c := p.country()
	digits, plus, ok := clean(dialled)
	if !ok {
		return Dialled{}, ErrNumber
	}
	if p.Emergency(dialled) {
		return Dialled{strings.TrimPrefix(digits, c.code), Emergency}, nil
	}
	e164, ok := "", false
	if plus {
		e164, ok = p.whole(digits)
	} else {
		e164, ok = p.dialledAtHome(digits, localPrefix)
	}
	if kind := p.Kind(e164); ok && kind != Unknown {
		return Dialled{e164, kind}, nil
	}
	switch {
	case plus:
	case c.short.whole(digits):
		return Dialled{digits, Short}, nil
	case c.shortDear.whole(digits):
		return Dialled{digits, Premium}, nil
	}
	return Dialled{}, ErrNumber
}

func (p Plan) dialledAtHome(digits, localPrefix string) (e164 string, ok bool) {
	c := p.country()
	if rest, abroad := c.abroad.after(digits); abroad {
		return p.whole(rest)
	}
	if nsn, ok := c.atHome(digits); ok {
		return "+" + c.code + nsn, true
	}
	if c.local.whole(digits) && p.hasPrefix(localPrefix) {
		if nsn, ok := c.atHome(localPrefix + digits); ok {
			return "+" + c.code + nsn, true
		}
	}
	if nsn, ok := c.own(digits); ok {
		return "+" + c.code + nsn, true
	}
	return "", false
}

func (p Plan) hasPrefix(code string) bool {
	for _, known := range p.Prefixes() {
		if known.Code == code {
			return true
		}
	}
	return false
}

// Emergency reports whether the digits call for help: 000, 112 or 106 in Australia, also behind the country's code, which some phones
// put in front of everything. Such calls go out before every other rule.
func (p Plan) Emergency(dialled string) bool {
	digits, plus, ok := clean(dialled)
	if !ok {
		return false
	}
	c := p.country()
	if plus {
		digits, ok = strings.CutPrefix(digits, c.code)
	}
	return ok && c.emergency.whole(digits)
}
