package tel

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// country is one country's numbering. National numbers are meant without trunk prefix.
type country struct {
	letters  string   // ISO 3166; "001" for codes of no country
	code     string   // of E.164
	trunk    string   // dialled before most national numbers, "" where there is none
	prefixes []Prefix // that a local number of localDigits may be dialled without
	local    *pattern // such a number without its prefix; nil where numbers are dialled whole

	abroad    *pattern // dialled before the code of another country
	emergency *pattern
	short     *pattern
	shortDear *pattern // short, and as dear as premium numbers
	kinds     []ranges // the first that fits counts
	lengths   []int    // of national numbers; new ranges come faster than tables, so a foreign number needs no more
	forms     []form
}

// ranges are national numbers of one kind.
type ranges struct {
	kind    Kind
	numbers *pattern
}

// form is how some national numbers are written: the pattern takes them apart, written puts them together.
type form struct {
	numbers *pattern
	begin   *pattern // what they begin with
	written string
	trunked bool // at home with the trunk prefix in front
}

func (c *country) kind(nsn string) Kind {
	for _, r := range c.kinds {
		if r.numbers.whole(nsn) {
			return r.kind
		}
	}
	return Unknown
}

// possible reports whether a number abroad may be one.
func (c *country) possible(nsn string) bool { return slices.Contains(c.lengths, len(nsn)) }

// form returns how a national number is written; a number of no known form is written in one piece.
func (c *country) form(nsn string) form {
	for _, f := range c.forms {
		if f.begin.start(nsn) && f.numbers.whole(nsn) {
			return f
		}
	}
	return form{numbers: one, written: "${1}", trunked: c.trunk != ""}
}

var one = expr(`(\d+)`)

// group writes a national number as people abroad do.
func (f form) group(nsn string) string { return f.numbers.regexp().ReplaceAllString(nsn, f.written) }

// national writes a national number as people at home do.
func (c *country) national(nsn string) string {
	f := c.form(nsn)
	if f.trunked {
		return c.trunk + f.group(nsn)
	}
	return f.group(nsn)
}

// atHome reads digits as they are dialled inside the country.
func (c *country) atHome(digits string) (nsn string, ok bool) {
	nsn, found := strings.CutPrefix(digits, c.trunk)
	if found && c.trunk != "" && c.kind(nsn) != Unknown && c.form(nsn).trunked {
		return nsn, true
	}
	return digits, c.kind(digits) != Unknown && !c.form(digits).trunked
}

// own reads digits that begin with the country's code, with a trunk prefix that does not belong there too.
func (c *country) own(digits string) (nsn string, ok bool) {
	nsn, ok = strings.CutPrefix(digits, c.code)
	if !ok || c.kind(nsn) != Unknown {
		return nsn, ok
	}
	nsn, ok = strings.CutPrefix(nsn, c.trunk)
	return nsn, ok && c.trunk != "" && c.kind(nsn) != Unknown
}

// pattern is a regular expression over digits, compiled when it is needed first. A nil pattern matches nothing.
type pattern struct {
	text     string
	compiled func() *regexp.Regexp
}

func expr(text string) *pattern {
	if text == "" {
		return nil
	}
	return &pattern{text, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + text + `)$`) })}
}

// prefix is an expression for how digits begin.
func prefix(text string) *pattern {
	if text == "" {
		return nil
	}
	return &pattern{text, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + text + `)`) })}
}

func (p *pattern) regexp() *regexp.Regexp { return p.compiled() }

func (p *pattern) whole(digits string) bool { return p != nil && p.compiled().MatchString(digits) }

// start is whole for what prefix made; here a nil pattern matches everything.
func (p *pattern) start(digits string) bool { return p == nil || p.compiled().MatchString(digits) }

// after returns what follows the prefix in digits.
func (p *pattern) after(digits string) (rest string, ok bool) {
	if p == nil {
		return "", false
	}
	at := p.compiled().FindStringIndex(digits)
	if at == nil {
		return "", false
	}
	return digits[at[1]:], true
}

// The table of other countries is text, so that it costs nothing until a foreign number comes along; tools/countries makes it. Between
// empty lines stand one line of fields for each country and one line for each form of its numbers, the largest of the countries that
// share a code first.
//
//go:embed countries.txt
var countries string

// world is every country by its letters and by its code.
type world struct {
	byLetters map[string]*country
	byCode    map[string][]*country
}

var table = sync.OnceValue(func() world {
	w := world{map[string]*country{"AU": australia}, map[string][]*country{australia.code: {australia}}}
	for block := range strings.SplitSeq(strings.Trim(countries, "\n"), "\n\n") {
		c := readCountry(block)
		if sharing := w.byCode[c.code]; len(c.forms) == 0 && len(sharing) > 0 {
			c.forms = sharing[0].forms
		}
		w.byLetters[c.letters], w.byCode[c.code] = c, append(w.byCode[c.code], c)
	}
	return w
})

// fields are the columns of a country's line.
type fields struct{ letters, code, trunk, abroad, lengths, emergency, premium, free, shared, fixed, mobile string }

func readCountry(block string) *country {
	head, rest, _ := strings.Cut(block, "\n")
	var f fields
	columns := []*string{&f.letters, &f.code, &f.trunk, &f.abroad, &f.lengths, &f.emergency, &f.premium, &f.free, &f.shared, &f.fixed, &f.mobile}
	for i, text := range strings.SplitN(head, "\t", len(columns)) {
		*columns[i] = text
	}
	c := &country{letters: f.letters, code: f.code, trunk: f.trunk, abroad: prefix(f.abroad), emergency: expr(f.emergency),
		kinds: []ranges{{Premium, expr(f.premium)}, {N1800, expr(f.free)}, {N1300, expr(f.shared)}, {Local, expr(f.fixed)}, {Mobile, expr(f.mobile)}}}
	for _, letter := range []byte(f.lengths) {
		c.lengths = append(c.lengths, int(letter-'a')+1)
	}
	for line := range strings.SplitSeq(rest, "\n") {
		if part := strings.Split(line, "\t"); len(part) == 4 {
			c.forms = append(c.forms, form{expr(part[0]), prefix(part[1]), part[2], part[3] != ""})
		}
	}
	return c
}

// byCode finds the country of a number in E.164 without its plus, and the national part; nil when no code fits. Of countries that
// share a code it is the one that has the number, else the largest.
func byCode(digits string) (*country, string) {
	if nsn, found := strings.CutPrefix(digits, australia.code); found {
		return australia, nsn
	}
	for n := 1; n <= 3 && n < len(digits); n++ {
		sharing, nsn := table().byCode[digits[:n]], digits[n:]
		for _, c := range sharing {
			if c.kind(nsn) != Unknown {
				return c, nsn
			}
		}
		if len(sharing) > 0 {
			return sharing[0], nsn
		}
	}
	return nil, ""
}
