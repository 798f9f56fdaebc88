// Package tel is the numbering plan: it reads phone numbers as people type them, tells what kind they are and writes them as people
// read them. It does not know who owns a number or whether a call may be made.
package tel

import "strings"

// Kind is what a number is for whoever dials it. Its text is what the store and the API hold.
type Kind string

// The kinds of numbers. In plans other than Australia's, N1800 is any number that is free for the caller and N1300 any whose cost is
// shared.
const (
	Unknown       Kind = ""
	Local         Kind = "local"
	Mobile        Kind = "mobile"
	N1300         Kind = "1300"
	N1800         Kind = "1800"
	N13           Kind = "13"
	International Kind = "international"
	Premium       Kind = "premium"   // dearer than an ordinary call: 1900, satellites, pagers, and the like abroad
	Emergency     Kind = "emergency" // 000, 112 and 106 in Australia
	Short         Kind = "short"     // a service of the network with few digits, without E.164 form
)

// Presentable reports whether a number of the kind may be shown as caller ID.
func (k Kind) Presentable() bool { return k == Local || k == Mobile }

// Texts reports whether a number of the kind can send and receive text messages.
func (k Kind) Texts() bool { return k == Mobile }

// Words names the kind as a list does: "Local", "1300".
func (k Kind) Words() string {
	if k == Unknown {
		return "Unknown"
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}

// Prefix is an area code that people put in front of a local number.
type Prefix struct{ Code, Place string }

// Plan is how people of one country dial and write numbers. The zero value is Australia's.
type Plan struct {
	home  *country
	shown Form
}

// Form is how somebody wants to see telephone numbers.
type Form string

// The forms.
const (
	HomeForm  Form = ""              // as people of the country read it: 02 5550 0142
	WorldForm Form = "international" // as people abroad read it: +61 2 5550 0142
	PlainForm Form = "e164"          // the digits of E.164: 61255500142
)

// Forms lists the forms.
var Forms = []Form{HomeForm, WorldForm, PlainForm}

// In returns the plan with another form for Shown.
func (p Plan) In(f Form) Plan {
	p.shown = f
	return p
}

// Shown writes a number in E.164 in the plan's form. What is not E.164, such as an extension, stays as it is.
func (p Plan) Shown(e164 string) string {
	switch p.shown {
	case WorldForm:
		return Abroad(e164)
	case PlainForm:
		if digits, ok := isE164(e164); ok {
			return digits
		}
		return e164
	}
	return p.National(e164)
}

// For returns the plan of a country, by its two letters (ISO 3166). An unknown country has Australia's.
func For(letters string) Plan {
	if letters == "AU" {
		return Plan{}
	}
	return Plan{home: table().byLetters[letters]}
}

func (p Plan) country() *country {
	if p.home == nil {
		return australia
	}
	return p.home
}

// Country returns the two letters of the plan's country.
func (p Plan) Country() string { return p.country().letters }

// Prefixes lists the area codes of local numbers, none where numbers are always dialled whole.
func (p Plan) Prefixes() []Prefix { return p.country().prefixes }

// Parse reads a whole number in any form that people type or paste: "+61 2 5550 0142", "61255500142", "(02) 5550 0142", "1300 555 019",
// "13 11 14", also without its first 0, as spreadsheets leave it. It returns E.164, and false for what is not one whole number:
// emergency and short codes have no E.164 form.
func (p Plan) Parse(text string) (e164 string, ok bool) {
	c := p.country()
	digits, plus, ok := clean(text)
	if !ok {
		return "", false
	}
	if plus {
		return p.whole(digits)
	}
	if rest, abroad := c.abroad.after(digits); abroad {
		return p.whole(rest)
	}
	if nsn, ok := c.atHome(digits); ok {
		return "+" + c.code + nsn, true
	}
	if nsn, ok := c.own(digits); ok {
		return "+" + c.code + nsn, true
	}
	return "+" + c.code + digits, c.kind(digits) != Unknown
}

// whole reads digits that begin with a country's code.
func (p Plan) whole(digits string) (e164 string, ok bool) {
	c := p.country()
	if nsn, own := c.own(digits); own {
		return "+" + c.code + nsn, true
	}
	foreign, nsn := byCode(digits)
	return "+" + digits, foreign != nil && foreign != c && len(digits) <= mostDigits && foreign.possible(nsn)
}

// Kind tells what a number in E.164 is. Every other country's number is International, or Premium.
func (p Plan) Kind(e164 string) Kind {
	digits, ok := isE164(e164)
	if !ok {
		return Unknown
	}
	if nsn, own := strings.CutPrefix(digits, p.country().code); own {
		if kind := p.country().kind(nsn); kind != Unknown {
			return kind
		}
	}
	c, nsn := byCode(digits)
	switch {
	case c == nil || c == p.country() || !c.possible(nsn):
		return Unknown
	case c.kind(nsn) == Premium:
		return Premium
	}
	return International
}

// National writes a number in E.164 as people of the country read it: "02 5550 0142", "0491 570 156", "1300 555 019", "13 11 14"; a
// foreign one as Abroad does. What is not E.164, such as an extension, stays as it is.
func (p Plan) National(e164 string) string {
	digits, ok := isE164(e164)
	if nsn, own := strings.CutPrefix(digits, p.country().code); ok && own && p.country().kind(nsn) != Unknown {
		return p.country().national(nsn)
	}
	return Abroad(e164)
}

// Abroad writes a number in E.164 as people abroad read it: "+61 2 5550 0142". What is not E.164 stays as it is.
func Abroad(e164 string) string {
	digits, ok := isE164(e164)
	if !ok {
		return e164
	}
	c, nsn := byCode(digits)
	if c == nil {
		return e164
	}
	return "+" + c.code + " " + c.form(nsn).group(nsn)
}

// Search returns the forms of a number in E.164 that a search may meet, without spaces: "61255500142 0255500142".
func (p Plan) Search(e164 string) string {
	digits := strings.TrimPrefix(e164, "+")
	national := squeeze(p.National(e164))
	if national == digits || strings.HasPrefix(national, "+") {
		return digits
	}
	return digits + " " + national
}

// Typed returns the digits of what looks like a number or a part of one, to be looked for in what Search returned: "(02) 5550" gives
// "025550". It is false for a text that holds anything else, such as a name.
func Typed(text string) (digits string, ok bool) {
	digits, _, ok = clean(text)
	return digits, ok
}

// Begin returns how E.164 begins for digits that are dialled at home with a trunk prefix: "0491570" gives "+61491570". It is "" for digits
// that do not begin so.
func (p Plan) Begin(digits string) string {
	c := p.country()
	rest, found := strings.CutPrefix(digits, c.trunk)
	if _, abroad := c.abroad.after(digits); abroad || !found || c.trunk == "" || rest == "" {
		return ""
	}
	return "+" + c.code + rest
}

// clean takes away what people put between digits. "+61 (0)2" loses its 0, which is dialled at home only.
func clean(text string) (digits string, plus, ok bool) {
	if len(text) > mostTyped {
		return "", false, false
	}
	text = strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "tel:"), separators)
	if rest, found := strings.CutPrefix(text, "+"); found {
		text, plus = strings.Replace(rest, "(0)", "", 1), true
	} else if rest, found := strings.CutPrefix(text, "＋"); found {
		text, plus = rest, true
	}
	var b strings.Builder
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			b.WriteRune(c)
		case strings.ContainsRune(separators, c):
		default:
			return "", false, false
		}
	}
	return b.String(), plus, b.Len() > 0
}

const (
	mostTyped  = 64 // bytes
	mostDigits = 15 // E.164
	// separators are what stands between digits: spaces and dashes of every width, brackets, dots, slashes, and the marks for the
	// direction of writing that come along when a number is copied.
	separators = " \t-().,/\u00a0\u2007\u2009\u200a\u200b\u200e\u200f\u202a\u202c\u202d\u202f\u2010\u2011\u2012\u2013\u2014\u2015\u2060\ufeff"
)

func squeeze(text string) string { return strings.NewReplacer(" ", "", "-", "").Replace(text) }

// isE164 returns the digits of a number in E.164.
func isE164(text string) (digits string, ok bool) {
	digits, ok = strings.CutPrefix(text, "+")
	if !ok || digits == "" || digits[0] == '0' || len(digits) > mostDigits {
		return "", false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return digits, true
}
