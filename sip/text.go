package sip

import "strings"

// A charSet is a union of classes of bytes.
type charSet uint32

const (
	setToken     charSet = 1 << iota // RFC 3261 token
	setHost                          // letters, digits, . - _ : [ ], what a host may be written with
	setName                          // letters, digits, . - _, what a host name or an IPv4 address is made of
	setUser                          // what may stand in a user part unescaped
	setParam                         // what may stand in a parameter unescaped, colon and brackets included
	setURI                           // what may stand anywhere in a URI, delimiters and % left out
	setDelimiter                     // @ : ; ?
	setPercent                       // %
	setScheme                        // letters, digits, + - .
	setDigit
	setSpace // blank and tab
	setHex
	setURIEnd    // what ends a URI that stands without angle brackets: ; , blank tab
	setBracket   // < and , which end a display name
	setSentByEnd // ; and ,
	setParamEnd  // = and ;
)

var charSets = func() (t [256]charSet) {
	add := func(set charSet, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= set
		}
	}
	const digits = "0123456789"
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
	const mark = "-_.!~*'()"
	add(setToken, alnum+"-.!%*_+`'~")
	add(setHost, alnum+".-_:[]")
	add(setName, alnum+".-_")
	add(setUser, alnum+mark+"&=+$,;?/")
	add(setParam, alnum+mark+"[]/:&+$`")
	add(setURI, alnum+mark+"[]/&+$=,")
	add(setDelimiter, "@:;?")
	add(setPercent, "%")
	add(setScheme, alnum+"+-.")
	add(setDigit, digits)
	add(setSpace, " \t")
	add(setHex, "0123456789abcdefABCDEF")
	add(setURIEnd, ";, \t")
	add(setBracket, "<,")
	add(setSentByEnd, ";,")
	add(setParamEnd, "=;")
	return t
}()

func allIn(s string, set charSet) bool {
	for i := range len(s) {
		if charSets[s[i]]&set == 0 {
			return false
		}
	}
	return true
}

// until counts the bytes in front of the first one in the set. For the short texts of a header this is faster than a search for any of
// several bytes.
func until(s string, set charSet) int {
	for i := range len(s) {
		if charSets[s[i]]&set != 0 {
			return i
		}
	}
	return len(s)
}

func isToken(s string) bool  { return s != "" && allIn(s, setToken) }
func isScheme(s string) bool { return allIn(s, setScheme) && charSets[s[0]]&setDigit == 0 }
func isHost(s string) bool   { return s != "" && allIn(s, setName) }

// allURIChars tells whether s can be the inside of a URI: every byte allowed somewhere, and every % followed by two hexadecimal digits.
func allURIChars(s string) bool {
	for i := 0; i < len(s); i++ {
		switch set := charSets[s[i]]; {
		case set&(setURI|setDelimiter) != 0:
		case s[i] == '%' && i+2 < len(s) && charSets[s[i+1]]&charSets[s[i+2]]&setHex != 0:
			i += 2
		default:
			return false
		}
	}
	return true
}

// number reads decimal digits; more than most is refused, however long the text is.
func number(s string, most uint64) (uint64, bool) {
	if s == "" {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		if n = n*10 + uint64(d); n > most {
			return 0, false
		}
	}
	return n, true
}

// cutBefore splits s in front of the first c; after begins with it, or is empty.
func cutBefore(s string, c byte) (before, after string) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func trimLeft(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func trim(s string) string { return trimRight(trimLeft(s)) }

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// lower returns s in small letters, s itself when it is already.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// quotedLen returns the length of the quoted string that s begins with, both marks included; 0 if it never ends.
func quotedLen(s string) int {
	end := strings.IndexByte(s[1:], '"') + 1
	if end == 0 {
		return 0
	}
	if strings.IndexByte(s[:end], '\\') < 0 {
		return end + 1
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// unquote takes the marks and the backslashes off a quoted string.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// appendQuoted writes a quoted string; control characters are left out.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c != 0x7f:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

const hexDigits = "0123456789ABCDEF"

func appendEscaped(b []byte, s string, plain charSet) []byte {
	if allIn(s, plain) {
		return append(b, s...)
	}
	for i := range len(s) {
		if c := s[i]; charSets[c]&plain != 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

func appendUser(b []byte, s string) []byte { return appendEscaped(b, s, setUser) }

// unescape decodes %XX; ok is false where two hexadecimal digits are missing.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || charSets[s[i+1]]&charSets[s[i+2]]&setHex == 0 {
				return "", false
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// clean returns s without control characters (a tab becomes a blank) and without white space at its ends: what Set, Add and Prepend let
// into a header. It is the reason why no text from outside can begin a new line.
func clean(s string) string {
	s = trim(s)
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return cleanSlowly(s)
		}
	}
	return s
}

func cleanSlowly(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\t':
			b = append(b, ' ')
		case c >= ' ' && c != 0x7f:
			b = append(b, c)
		}
	}
	return trim(string(b))
}
