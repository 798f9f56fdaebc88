package web

import (
	"bytes"
	"html/template"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"hubline/product/account"
)

// dressed is a portal that can draw.
func dressed(t *testing.T) *Portal {
	t.Helper()
	all, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	return &Portal{assets: all}
}

// skeleton is markup without its words: tags, names of attributes, and where links lead.
func skeleton(t *testing.T, row string) string {
	t.Helper()
	var bones strings.Builder
	for z := html.NewTokenizer(strings.NewReader(row)); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return bones.String()
		case html.TextToken:
		default:
			token := z.Token()
			bones.WriteString(kind.String() + " " + token.Data)
			for _, a := range token.Attr {
				bones.WriteString(" " + a.Key)
				if a.Key == "href" || a.Key == "action" || a.Key == "class" && token.Data != "span" {
					bones.WriteString("=" + a.Val)
				}
			}
			bones.WriteString("\n")
		}
	}
}

// Rows are written without html/template, so what they write is compared with it: whatever people are called, the same text comes out
// of a browser's parser, in text and in attributes, and nothing of it becomes markup.
func TestMarkupEscapesAsTemplatesDo(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	reference := template.Must(template.New("").Parse(`<p title="{{.}}">{{.}}</p>`))
	p := dressed(t)
	for range 5000 {
		words := hostile(random, 6)
		var want strings.Builder
		if err := reference.Execute(&want, words); err != nil {
			t.Fatal(err)
		}
		got := string(p.markup().raw(`<p title="`).text(words).raw(`">`).text(words).raw(`</p>`).HTML())
		if plain := strings.ReplaceAll(want.String(), "&#43;", "+"); got != plain { // html/template also keeps "+" out of old browsers' UTF-7
			t.Fatalf("seed %d: %q is written %s, want %s", seed, words, got, plain)
		}
	}
}

func TestMarkupLeadsOnlyIntoThePortal(t *testing.T) {
	t.Parallel()
	p := dressed(t)
	for path, want := range map[string]string{
		"/harbour/hub-users/x?next=%2Fharbour": "/harbour/hub-users/x?next=%2Fharbour", `/a"b&c`: "/a&#34;b&amp;c", "": "#",
		"javascript:zqx()": "#", "//evil.example": "#", `/\evil.example`: "#", "https://evil.example": "#", "?q=1": "#", "data:text/html,x": "#",
	} {
		if got := string(p.markup().address(path).HTML()); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

// A row of hostile values has the tags, attributes and links of a row of plain ones.
func TestRowsOfHostilePeople(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	v := &View{portal: dressed(t), zone: time.UTC, now: time.Unix(1_800_000_000, 0), out: new(bytes.Buffer)}
	row := func(words string) string {
		r := personRow{Listed: account.Listed{ID: "abc", Name: words, Email: words + "@x.example", SentAt: 1_700_000_000_000, SeenAt: 5}, Path: "/harbour/hub-users/abc",
			Status: personStatus{"ok", words, "ok"}, Button: rowButton{Label: "Edit", About: words, Path: "/harbour/hub-users/abc"}}
		r.Menu = []MenuItem{{Label: words, Icon: "bin", Path: "/harbour/x", Dialog: "remove", Danger: true, Fill: fillConfirm(removalTitle(words), "/harbour/x")}, {Label: words, Path: "/harbour/y", Post: true}}
		v.out.Reset()
		v.PeopleRows([]personRow{r})
		return v.out.String()
	}
	want := skeleton(t, row("plain"))
	for range 2000 {
		words := "x" + strings.ReplaceAll(hostile(random, 5), "@", "") // an address has one, where the line may break
		if got := skeleton(t, row(words)); got != want {
			t.Fatalf("seed %d: %q makes %s, want %s", seed, words, got, want)
		}
	}
}

// What is settled when templates are read is what their functions would have said.
func TestSettledMarkup(t *testing.T) {
	t.Parallel()
	p := dressed(t)
	for text, want := range map[string]string{
		`a{{icon "x"}}b`:                       "a" + string(p.icon("x")) + "b",
		`{{tag "" "Deactivated" "pause"}}`:     string(p.tag("", "Deactivated", "pause")),
		`{{tag "ok" "Active & <b>"}}`:          string(p.tag("ok", "Active & <b>")),
		`<link href="{{asset "app.css"}}">`:    `<link href="` + p.assets.byName["app.css"].url + `">`,
		`{{icon .Icon}}{{with .X}}{{icon .}}`:  `{{icon .Icon}}{{with .X}}{{icon .}}`,
		`{{asset "none.css"}}{{icon "a" "b"}}`: `{{asset "none.css"}}{{icon "a" "b"}}`,
		`{{tag "warn" (print "x")}}`:           `{{tag "warn" (print "x")}}`,
	} {
		if got := p.settle(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}
