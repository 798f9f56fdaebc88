package web

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"hubline/base/tel"
)

//go:embed templates
var templates embed.FS

// Page is what a handler says about the page it shows; the layout does the rest.
type Page struct {
	Title   string  // the one h1, and the first words of the browser's title
	Section string  // the menu path that is current: "hub-users"; empty: the longest that fits the address
	Crumbs  []Link  // the way here, without the page itself; empty below the first level only
	Layout  string  // "portal" (menu and bar), "card" (one narrow card); empty: portal when somebody is signed in
	Banner  *Banner // a condition of this page; results of the last action come by Request.Go
	Data    any     // the page's own values
}

// View is what templates see: the page, who looks at it, and how to write times for them.
type View struct {
	Page
	Viewer   *Viewer
	Account  *Account
	Form     *Form
	Menu     []MenuLine
	Provider string
	Path     string // of this page, with its query
	Done     *Banner
	Ref      string
	Events   string // address of the account's event stream
	Palette  string // address of the command palette's entries
	People   string // address of its search for people; empty for those who may not see them
	Theme    string
	Console  bool
	Terms    bool // cards only: the provider has published terms

	ProfileMenu []MenuLine
	Favourites  []favourite // what the viewer pinned in the account

	ctx    context.Context
	star   *star  // of pages that can be pinned
	here   string // the page of the menu that this one belongs to
	now    time.Time
	zone   *time.Location
	plan   tel.Plan      // as the viewer wants to see numbers
	out    *bytes.Buffer // where the page is written
	file   string        // the page's, below templates
	portal *Portal
}

// Render writes a page. name is a file below templates. A page that htmx asks for is answered with only the block of the target's
// name when the page's own file defines one.
func (r *Request) Render(name string, page Page) error {
	set := r.portal.pages
	if set.Lookup(own(name, "main")) == nil {
		return fmt.Errorf("no template %q", name)
	}
	view := r.view(page)
	view.file = name
	block := view.Layout
	if part := own(name, "part-"+r.Header.Get("HX-Target")); r.fragment() && set.Lookup(part) != nil {
		block = part
	}
	out := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(out)
	out.Reset()
	view.out = out
	if err := set.ExecuteTemplate(out, block, view); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := r.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "HX-Request")
	r.W.WriteHeader(r.status)
	text := out.Bytes()
	if !utf8.Valid(text) { // what was typed need not be
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	_, err := r.W.Write(text)
	return err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// own is how the set of all templates calls what one page defines for itself: what stands in the layout's places, and the parts that
// htmx may ask for alone (<tbody id="rows"> is {{define "part-rows"}}).
func own(page, block string) string { return page + " " + block }

// Own writes what the page defines for one of the layout's places, if it does.
func (v *View) Own(block string) (template.HTML, error) {
	if t := v.portal.pages.Lookup(own(v.file, block)); t != nil {
		return "", t.Execute(v.out, v)
	}
	return "", nil
}

// fragment reports whether htmx will put the answer into a page that is already there.
func (r *Request) fragment() bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-History-Restore-Request") == "" && r.Header.Get("HX-Boosted") == ""
}

func (r *Request) view(page Page) *View {
	p := r.portal
	v := &View{Page: page, Viewer: r.Viewer, Form: r.Form, Provider: p.Provider, Path: r.URL.RequestURI(), Ref: r.visit.Reference(),
		Done: r.takeBanner(), now: p.Now(), zone: p.Zone, plan: r.plan(), portal: p, Theme: r.theme(), ctx: r.Context()}
	if v.Layout == "" {
		v.Layout = "portal"
		if r.Viewer == nil {
			v.Layout = "card"
		}
	}
	if v.Layout == "card" && p.Account != nil {
		v.Terms, _ = p.Account.HasTerms(r.Context()) // a page that tells of a store that is away needs no link
	}
	if r.Viewer == nil {
		return v
	}
	v.Account = r.Viewer.Account
	if r.Viewer.Zone != nil {
		v.zone = r.Viewer.Zone
	}
	v.Console = v.Account == nil && r.Viewer.Staff
	p.lead(v, r.URL.Path)
	return v
}

func (r *Request) theme() string {
	theme := ""
	if r.Viewer != nil {
		theme = r.Viewer.Theme
	} else if c, err := r.Cookie("theme"); err == nil {
		theme = c.Value
	}
	if theme != "light" && theme != "dark" {
		return ""
	}
	return theme
}

// BrowserTitle is the page's name, then where it is; a page with problems says so first.
func (v *View) BrowserTitle() string {
	where := v.Provider
	if v.Account != nil {
		where = v.Account.Name
	} else if v.Console {
		where = v.Provider + " Console"
	}
	title := v.Title + " – " + where
	if len(v.Form.Problems) > 0 {
		title = "Error: " + title
	}
	return title
}

// URL makes the address of a page in the current account: $.URL "hub-users" "new".
func (v *View) URL(parts ...string) string {
	slug := ""
	if v.Account != nil {
		slug = v.Account.Slug
	}
	return "/" + path.Join(append([]string{slug}, parts...)...)
}

// Switches reports whether there is another account to go to. Provider staff find accounts in the console.
func (v *View) Switches() bool {
	return v.Viewer != nil && !v.Console && (len(v.Viewer.Accounts) > 1 || v.Account == nil && len(v.Viewer.Accounts) > 0)
}

// Same is the address of this kind of page in another account.
func (v *View) Same(slug string) string { return "/" + slug + "/" + v.here }

// Redirect sends the browser on with GET.
func (r *Request) Redirect(path string) error {
	http.Redirect(r.W, r.Request, path, http.StatusSeeOther)
	return nil
}

// Go sends the browser on and shows the result of what was done there, once.
func (r *Request) Go(path string, done Banner) error {
	plain, err := json.Marshal(done)
	if err != nil {
		return err
	}
	http.SetCookie(r.W, r.bannerCookie(r.portal.Ring.Seal("web banner", plain), 60))
	return r.Redirect(path)
}

func (r *Request) bannerCookie(value string, seconds int) *http.Cookie {
	c := &http.Cookie{Name: "done", Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if strings.HasPrefix(r.portal.BaseURL, "https:") {
		c.Name, c.Secure = "__Host-done", true
	}
	return c
}

// takeBanner returns the banner of the last action and forgets it. A page that was not there to show it leaves it for the next.
func (r *Request) takeBanner() *Banner {
	sent, err := r.Cookie(r.bannerCookie("", 0).Name)
	if err != nil || r.fragment() {
		return nil
	}
	http.SetCookie(r.W, r.bannerCookie("", -1))
	plain, err := r.portal.Ring.Open("web banner", sent.Value)
	if err != nil {
		return nil
	}
	done := &Banner{}
	if json.Unmarshal(plain, done) != nil {
		return nil
	}
	return done
}

// JSON answers the page's own scripts.
func (r *Request) JSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	r.W.Header().Set("Content-Type", "application/json")
	_, err = r.W.Write(body)
	return err
}

// parsePages parses all templates into one set. A copy of layouts and components for each page would be simpler, and 20 MB of memory that
// every garbage collection walks through.
func (p *Portal) parsePages() (*template.Template, error) {
	set := template.New("").Funcs(p.functions())
	defined := map[string]string{}
	err := fs.WalkDir(templates, "templates", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".html" {
			return err
		}
		bytes, err := templates.ReadFile(file)
		if err != nil {
			return err
		}
		text := ownNames(strings.TrimPrefix(file, "templates/"), string(bytes))
		for _, block := range definition.FindAllStringSubmatch(text, -1) {
			if first := defined[block[1]]; first != "" {
				return fmt.Errorf("%s and %s both define the template %q", first, file, block[1])
			}
			defined[block[1]] = file
		}
		_, err = set.New(file).Parse(p.settle(text))
		return err
	})
	return set, err
}

var (
	definition = regexp.MustCompile(`\{\{define "([^"]+)"`)
	ownBlocks  = regexp.MustCompile(`\{\{(define|template) "(main|intro|beside|actions|after|dialogs|part-[a-z-]+)"`)
)

// ownNames gives what a page defines for itself a name of its own in the set.
func ownNames(page, text string) string {
	return ownBlocks.ReplaceAllString(text, `{{$1 "`+own(page, "$2")+`"`)
}

// settled is what says the same on every page: symbols, tags and addresses of assets that are named by literals.
var (
	settled = regexp.MustCompile(`\{\{(icon|tag|asset)((?: "[^"{}]*")+)\}\}`)
	quoted  = regexp.MustCompile(`"([^"]*)"`)
)

// settle puts such markup into the text once, instead of asking a function for it every time a page is written.
func (p *Portal) settle(text string) string {
	return settled.ReplaceAllStringFunc(text, func(call string) string {
		parts := settled.FindStringSubmatch(call)
		var words []string
		for _, word := range quoted.FindAllStringSubmatch(parts[2], -1) {
			words = append(words, word[1])
		}
		switch {
		case parts[1] == "icon" && len(words) == 1:
			return string(p.icon(words[0]))
		case parts[1] == "tag" && len(words) > 1:
			return string(p.tag(words[0], words[1], words[2:]...))
		case parts[1] == "asset" && len(words) == 1 && p.assets.byName[words[0]] != nil:
			return p.assets.byName[words[0]].url
		}
		return call
	})
}
