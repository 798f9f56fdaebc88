package sip

import (
	"errors"
	"strings"
)

// An Address is a name-addr or addr-spec with its parameters: From, To, Contact, Route, P-Asserted-Identity and their like
// (RFC 3261 20.10).
type Address struct {
	Name   string // decoded, without quotation marks
	URI    URI
	Params Params // of the header, not of the URI
}

var errAddress = errors.New("sip: malformed address")

// ParseAddress reads one address. Without angle brackets every parameter is the header's, not the URI's.
func ParseAddress(s string) (Address, error) {
	p, rest, ok := splitAddress(s)
	if !ok || rest != "" {
		return Address{}, errAddress
	}
	return p.address()
}

// ParseAddresses reads a comma list. "*" (a Contact that means all) is an Address whose URI has the host "*" and no scheme.
func ParseAddresses(s string) ([]Address, error) {
	if s == "*" {
		return []Address{{URI: URI{Host: "*"}}}, nil
	}
	list := make([]Address, 0, 1)
	for {
		p, rest, ok := splitAddress(s)
		if !ok || len(list) == maxListed {
			return nil, errAddress
		}
		a, err := p.address()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
		if rest == "" {
			return list, nil
		}
		s = rest[1:]
	}
}

// addressParts is an address split, nothing decoded and nothing allocated.
type addressParts struct{ name, uri, params string }

func (p addressParts) address() (a Address, err error) {
	a.Name = unquote(p.name)
	if a.URI, err = ParseURI(p.uri); err != nil {
		return Address{}, err
	}
	if p.params != "" {
		var ok bool
		if a.Params, ok = parseParams(p.params); !ok {
			return Address{}, errParams
		}
	}
	return a, nil
}

// splitAddress takes the first address of a list apart; rest is empty or begins with the comma behind it.
func splitAddress(s string) (p addressParts, rest string, ok bool) {
	s = trim(s)
	if strings.HasPrefix(s, `"`) {
		n := quotedLen(s)
		if n == 0 {
			return p, "", false
		}
		p.name, s = s[:n], trimLeft(s[n:])
		if !strings.HasPrefix(s, "<") {
			return p, "", false
		}
	} else if i := until(s, setBracket); i < len(s) && s[i] == '<' {
		p.name, s = trimRight(s[:i]), s[i:]
		if !isDisplayName(p.name) {
			return p, "", false
		}
	}
	if strings.HasPrefix(s, "<") {
		end := strings.IndexByte(s, '>')
		if end < 0 {
			return p, "", false
		}
		p.uri, s = s[1:end], trimLeft(s[end+1:])
	} else {
		end := until(s, setURIEnd)
		p.uri, s = s[:end], trimLeft(s[end:])
		// RFC 3261 20.10: a URI with a comma, question mark or semicolon must be in angle brackets.
		if strings.IndexByte(p.uri, '?') >= 0 {
			return p, "", false
		}
	}
	p.params, rest, ok = splitParams(s)
	return p, rest, ok
}

// splitParams finds the end of the parameters that s begins with and checks them; rest is empty or begins with a comma.
func splitParams(s string) (params, rest string, ok bool) {
	end := 0
	for end < len(s) && s[end] != ',' {
		if s[end] == '"' {
			n := quotedLen(s[end:])
			if n == 0 {
				return "", "", false
			}
			end += n
			continue
		}
		end++
	}
	params, rest = trimRight(s[:end]), s[end:]
	for left := params; left != ""; {
		if _, _, left, ok = nextParam(left); !ok {
			return "", "", false
		}
	}
	return params, rest, true
}

// isDisplayName accepts tokens with white space between them (RFC 3261 25.1), and letters outside ASCII, which phones send unquoted.
func isDisplayName(s string) bool {
	for i := range len(s) {
		if s[i] < 0x80 && charSets[s[i]]&(setToken|setSpace) == 0 {
			return false
		}
	}
	return true
}

// addressTag finds the tag of a From or To value without taking the rest apart.
func addressTag(s string) string {
	p, _, ok := splitAddress(s)
	if !ok {
		return ""
	}
	tag, _ := param(p.params, "tag")
	return tag
}

// Tag returns the tag parameter.
func (a Address) Tag() string {
	tag, _ := a.Params.Get("tag")
	return tag
}

// String writes the address with angle brackets, and the name quoted.
func (a Address) String() string { return string(a.AppendTo(nil)) }

// AppendTo writes the address behind b.
func (a Address) AppendTo(b []byte) []byte {
	if a.URI.Scheme == "" && a.URI.Host == "*" {
		return append(b, '*')
	}
	if a.Name != "" {
		b = appendQuoted(b, a.Name)
		b = append(b, ' ')
	}
	b = append(b, '<')
	b = a.URI.AppendTo(b)
	b = append(b, '>')
	return appendParams(b, a.Params)
}

// appendParams writes header parameters; a value that is neither a token nor quoted already is quoted.
func appendParams(b []byte, params Params) []byte {
	for _, p := range params {
		if !isToken(p.Name) {
			continue
		}
		b = append(b, ';')
		b = append(b, p.Name...)
		if p.Value == "" {
			continue
		}
		b = append(b, '=')
		if allIn(p.Value, setParam|setPercent|setToken) {
			b = append(b, p.Value...)
		} else {
			b = appendQuoted(b, unquoteIf(p.Value))
		}
	}
	return b
}

// unquoteIf unquotes what is one whole quoted string.
func unquoteIf(s string) string {
	if len(s) >= 2 && s[0] == '"' && quotedLen(s) == len(s) {
		return unquote(s)
	}
	return s
}
