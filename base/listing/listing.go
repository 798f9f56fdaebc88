// Package listing holds what every list of things shares: text made comparable for search and sorting, sizes of pages, and the marks
// at which pages end. It does not know what is listed.
package listing

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"hubline/base/fault"
	"hubline/base/seal"
)

// Fold makes text comparable for search and sorting: small letters, no accents, single spaces.
func Fold(text string) string {
	if folded, ok := foldASCII(text); ok {
		return folded
	}
	var b strings.Builder
	for _, c := range norm.NFKD.String(strings.ToLower(text)) {
		if unicode.Is(unicode.Mn, c) || unicode.IsControl(c) {
			continue
		}
		b.WriteRune(c)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// foldASCII is Fold for what needs no table of characters.
func foldASCII(text string) (string, bool) {
	folded := make([]byte, 0, len(text))
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf, c < ' ', c == 0x7f:
			return "", false
		case c == ' ' && (len(folded) == 0 || folded[len(folded)-1] == ' '):
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		folded = append(folded, c)
	}
	return strings.TrimSuffix(string(folded), " "), true
}

// Contains is a LIKE pattern for "holds this text", to be used with ESCAPE '\': what people type is never a pattern itself.
func Contains(text string) string { return "%" + literal.Replace(Fold(text)) + "%" }

var literal = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// PageSize bounds how many rows a page has: 0 means 50, and there are at most 500.
func PageSize(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, 500)
}

// Cursor is where a page of a list ended: the sort key and the ID of its last row.
type Cursor struct {
	Text string `json:"t,omitempty"`
	Time int64  `json:"n,omitempty"`
	ID   string `json:"i"`
}

const cursorMAC = 12 // bytes

// Write returns a cursor as an opaque text that only this installation can make, and only for the list of that name.
func Write(ring *seal.Ring, name string, c Cursor) string {
	body, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(append(ring.MAC("cursor "+name, body)[:cursorMAC:cursorMAC], body...))
}

// Read refuses what Write did not write for that list. The empty text is the beginning.
func Read(ring *seal.Ring, name, text string) (c Cursor, err error) {
	if text == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	once := base64.RawURLEncoding.EncodeToString(raw) == text // the decoder skips line breaks and ignores spare bits
	if err == nil && once && len(raw) > cursorMAC && hmac.Equal(raw[:cursorMAC], ring.MAC("cursor "+name, raw[cursorMAC:])[:cursorMAC]) &&
		json.Unmarshal(raw[cursorMAC:], &c) == nil {
		return c, nil
	}
	return Cursor{}, fault.Field("cursor-unknown", "after", "That page mark does not belong to this list. Start again without it")
}
