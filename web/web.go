// Package web is the door for people: it turns requests into verbs of the rooms and their answers into pages.
// It knows no SQL and no phones, and it never meets another door outside a room.
package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/change"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/seal"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/report"
	"hubline/product/support"
	"hubline/product/webhook"
)

// Config is what the portal needs from the outside.
type Config struct {
	BaseURL  string           // the portal's only origin, e.g. "https://hub.example.com"; every other Host is refused
	Hosts    []string         // further Host values to answer, e.g. "localhost:8080" in the demo
	Provider string           // who runs this installation, as people know it
	Dev      bool             // serves the component page at /dev/components
	Ring     *seal.Ring       // seals kept forms and banners that travel through the browser
	Account  *account.Room    // accounts, people, rights
	Phones   *phoneuser.Room  // phone users and their devices
	Numbers  *number.Room     // phone numbers
	Plan     tel.Plan         // how numbers are read and written
	Calls    *call.Room       // live calls and the record of all
	Reports  *report.Room     // what the record says
	Support  *support.Room    // requests to the provider
	Webhooks *webhook.Room    // programs that are told what happens
	Jobs     *job.Queue       // the console shows what failed
	Changes  *change.Feed     // tells open pages what changed; nil: pages do not follow changes
	Guard    Guard            // reads who is asking, from the store, for every request; nil: Account does
	Log      *slog.Logger     // nil: discarded
	Now      func() time.Time // nil: time.Now
	Zone     *time.Location   // zone of the console and of pages without a viewer; nil: UTC

	// Observe is told of every answered request, for metrics and traces; route is a pattern, "" when none fits. nil: nobody.
	Observe func(r *http.Request, route string, status int, took time.Duration)
}

// Guard tells who is asking. The portal asks it on every request, so a right that was taken away is gone on the next click.
type Guard interface {
	// Viewer returns who is signed in and, when account is not empty, what they may do in the account of that slug.
	// Nobody signed in is a fault SignedOut; an account that is not theirs, or is nobody's, is a fault NotFound.
	Viewer(r *http.Request, account string) (*Viewer, error)
	// Help names the access that holds the permission and the people in the viewer's account who can give it.
	Help(ctx context.Context, v *Viewer, permission string) (Help, error)
}

// Viewer is the person who looks at a page.
type Viewer struct {
	PersonID string
	Name     string
	Email    string
	Theme    string         // "light", "dark", or empty to follow the system
	Zone     *time.Location // in which times are shown
	Staff    bool           // of the provider; sees the console
	Account  *Account       // named by the path; nil outside accounts
	Accounts []Account      // the switcher's list, last used first
	Can      func(permission string) bool
	Actor    account.Actor // what the rooms' verbs take
}

// Account is an account as the switcher and the layout show it.
type Account struct {
	Slug   string
	Number string
	Name   string
	Access string // the viewer's roles in words
}

// Initials are the one or two letters on the account's mark.
func (a Account) Initials() string { return initials(a.Name) }

// Initials are the one or two letters on the profile button.
func (v *Viewer) Initials() string { return initials(v.Name) }

func initials(name string) string {
	var letters []rune
	for word := range strings.FieldsSeq(name) {
		if len(letters) < 2 {
			letters = append(letters, []rune(strings.ToUpper(word))[0])
		}
	}
	return string(letters)
}

// Help is who a person without a permission can turn to.
type Help struct {
	Access string   // "Account admin"
	People []string // "Priya Nair", "Tom Okafor"
}

// Access says who may use a route. A route without one is refused when the portal is built.
type Access string

// The ways to declare access; Needs makes the rest.
const (
	Public   Access = "public"    // anybody, signed in or not
	SignedIn Access = "signed-in" // any person, in no account
	Belongs  Access = "belongs"   // whoever belongs to the account in the path, also while something keeps them out of it
	Member   Access = "member"    // whoever belongs to the account in the path, with any role
	Staff    Access = "staff"     // people of the provider
)

// Needs admits members of the account in the path whose roles hold the permission.
func Needs(permission account.Permission) Access { return Access("needs:" + string(permission)) }

// Permission returns what Needs was given, and whether it was Needs at all.
func (a Access) Permission() (string, bool) { return strings.CutPrefix(string(a), "needs:") }

// Allows is the only place that decides whether a viewer may use a route; the menu asks the same question.
func (a Access) Allows(v *Viewer) bool {
	if a == Public || v == nil {
		return a == Public
	}
	switch a {
	case SignedIn:
		return true
	case Staff:
		return v.Staff && !v.Actor.Restricted()
	case Belongs:
		return v.Account != nil
	case Member:
		return v.Account != nil && !v.Actor.Restricted()
	}
	permission, ok := a.Permission()
	return ok && permission != "" && v.Account != nil && v.Can != nil && v.Can(permission)
}

func (a Access) valid() bool {
	permission, needs := a.Permission()
	return needs && permission != "" || slices.Contains([]Access{Public, SignedIn, Belongs, Member, Staff}, a)
}

// Route is one address of the portal. Pattern is a path pattern of net/http.ServeMux; an account's pages begin with "/{account}/".
type Route struct {
	Method  string
	Pattern string
	Access  Access
	Handle  func(*Request) error
}

// Portal serves every page. It is safe for use by many goroutines.
type Portal struct {
	Config

	// SignInPage and StepUpPage answer a form that was posted without a session, or without a fresh check. kept is what was
	// typed, sealed; the page carries it in a hidden field named "kept" and calls Request.Resume when the person is through.
	SignInPage func(r *Request, kept string) error
	StepUpPage func(r *Request, kept string) error

	routes   []Route
	fixed    *http.ServeMux // patterns whose first part is a word of ours
	accounts *http.ServeMux // patterns that begin with an account
	words    map[string]bool
	gets     map[string]*Route // by pattern, without the final {$}
	assets   *assets
	pages    *template.Template
	handler  http.Handler
	streams  *streams
}

// New builds the portal with every route of the table in routes.go.
func New(c Config) (*Portal, error) {
	return build(c, (*Portal).table)
}

func build(c Config, table func(*Portal) []Route) (_ *Portal, err error) {
	defer fault.Wrap(&err, "web.New")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("base URL %q must be an origin such as https://hub.example.com", c.BaseURL)
	}
	c.BaseURL = base.Scheme + "://" + base.Host
	p := &Portal{Config: c, fixed: http.NewServeMux(), accounts: http.NewServeMux(), words: map[string]bool{}, gets: map[string]*Route{}, streams: newStreams()}
	p.SignInPage, p.StepUpPage = p.askToSignIn, p.askToCheck
	if p.Guard == nil {
		p.Guard = doorkeeper{p}
	}
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.pages, err = p.parsePages(); err != nil {
		return nil, err
	}
	p.routes = append(p.ground(), table(p)...)
	for i := range p.routes {
		if err := p.add(&p.routes[i]); err != nil {
			return nil, err
		}
	}
	p.handler = p.around(http.HandlerFunc(p.dispatch), base)
	return p, nil
}

// ServeHTTP answers one request.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Routes returns the whole table, for the tests that walk it.
func (p *Portal) Routes() []Route { return slices.Clone(p.routes) }

// Words returns the first path parts that belong to the portal itself; no account's slug may be one of them.
func (p *Portal) Words() []string {
	var words []string
	for word := range p.words {
		words = append(words, word)
	}
	slices.Sort(words)
	return words
}

// ground are the routes that every page rests on.
func (p *Portal) ground() []Route {
	routes := []Route{
		{"GET", "/assets/{file}", Public, p.asset},
		{"GET", "/favicon.ico", Public, p.favicon},
		{"GET", "/robots.txt", Public, p.robots},
		{"GET", "/palette", SignedIn, p.palette},
		{"GET", "/console/palette", Staff, p.palette},
		{"GET", "/{account}/palette", Member, p.palette},
	}
	if p.Dev {
		routes = append(routes, Route{"GET", "/dev/components", Public, p.components})
	}
	return routes
}

// add registers a route. Two muxes keep "/{account}/settings" and "/invitations/{token}" apart, which one mux would call a conflict.
func (p *Portal) add(rt *Route) (err error) {
	name := rt.Method + " " + rt.Pattern
	if !rt.Access.valid() {
		return fmt.Errorf("route %s does not declare who may use it", name)
	}
	if rt.Handle == nil || !slices.Contains([]string{"GET", "POST"}, rt.Method) {
		return fmt.Errorf("route %s needs a handler and the method GET or POST", name)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(rt.Pattern, "/"), "/")
	inAccount := first == "{account}"
	_, needs := rt.Access.Permission()
	if inAccount != (needs || rt.Access == Member || rt.Access == Belongs) {
		return fmt.Errorf("route %s: access %q does not fit a path that %s", name, rt.Access, map[bool]string{true: "begins with an account", false: "names no account"}[inAccount])
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("route %s: %v", name, v)
		}
	}()
	mux := p.fixed
	if inAccount {
		mux = p.accounts
	} else {
		p.words[strings.Trim(first, "{$}")] = true
	}
	if rt.Method == http.MethodGet {
		p.gets[strings.TrimSuffix(rt.Pattern, "{$}")] = rt
	}
	mux.HandleFunc(name, func(w http.ResponseWriter, r *http.Request) { p.serve(rt, w, r) })
	return nil
}

// dispatch finds the route. What no route answers is "not found", or "not that way" when only the method is wrong.
func (p *Portal) dispatch(w http.ResponseWriter, r *http.Request) {
	if !readable(r.URL) {
		req := p.request(nil, w, r)
		p.fail(req, p.unrouted(req, http.NotFoundHandler()))
		return
	}
	mux := p.accounts
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if p.words[first] {
		mux = p.fixed
	}
	if handler, pattern := mux.Handler(r); pattern == "" {
		req := p.request(nil, w, r)
		p.fail(req, p.unrouted(req, handler))
		return
	}
	mux.ServeHTTP(w, r)
}

// readable reports whether an address is text. No page of ours has another, and not every store could look for it.
func readable(u *url.URL) bool {
	bad := func(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }
	for name, values := range u.Query() {
		if bad(name) || slices.ContainsFunc(values, bad) {
			return false
		}
	}
	return !bad(u.Path)
}

// unrouted asks the mux's own answer whether another method would have worked, and lends a signed-in person their menu.
func (p *Portal) unrouted(r *Request, answer http.Handler) error {
	if v, err := p.Guard.Viewer(r.Request, ""); err == nil {
		r.Viewer = v
	}
	probe := &headerOnly{header: http.Header{}}
	answer.ServeHTTP(probe, r.Request)
	if probe.status == http.StatusMethodNotAllowed {
		r.W.Header().Set("Allow", probe.header.Get("Allow"))
		return errMethod
	}
	return fault.New(fault.NotFound, "no-page", "We could not find that page")
}

type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }

// Request is one request to one route.
type Request struct {
	*http.Request
	W      http.ResponseWriter
	Viewer *Viewer // nil when nobody is signed in, which only happens on Public routes
	Form   *Form   // what was typed and what is wrong with it; empty on a first visit

	portal *Portal
	route  *Route
	visit  *visit
	out    *response
	status int
	unread error // why the posted form could not be read
}

func (p *Portal) request(rt *Route, w http.ResponseWriter, r *http.Request) *Request {
	v := visitOf(r)
	if rt != nil {
		v.route = rt.Pattern
	}
	out := &response{ResponseWriter: w}
	return &Request{Request: r, W: out, Form: &Form{}, portal: p, route: rt, visit: v, out: out, status: http.StatusOK}
}

// serve runs one route: who is asking, may they, the handler, and what went wrong.
func (p *Portal) serve(rt *Route, w http.ResponseWriter, hr *http.Request) {
	r := p.request(rt, w, hr)
	if err := p.run(rt, r); err != nil {
		p.fail(r, err)
	}
}

func (p *Portal) run(rt *Route, r *Request) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			err = &crash{value: v, stack: stack()}
		}
	}()
	if err := p.admit(rt, r); err != nil {
		return err
	}
	if r.Method == http.MethodPost && errors.Is(r.parse(), errTooLarge) {
		return errTooLarge // also from handlers that read only what they know
	}
	return rt.Handle(r)
}

// admit reads the viewer's rights from the store and compares them with the route's declaration.
func (p *Portal) admit(rt *Route, r *Request) error {
	if strings.HasPrefix(rt.Pattern, "/assets/") {
		return nil // the same bytes for everybody, many times a page
	}
	viewer, err := p.Guard.Viewer(r.Request, r.PathValue("account"))
	if err != nil {
		if rt.Access == Public && fault.Is(err, fault.SignedOut) {
			return nil
		}
		return err
	}
	if viewer == nil {
		return errors.New("the guard answered neither a viewer nor a fault")
	}
	r.Viewer = viewer
	r.visit.person = viewer.PersonID
	if rt.Access.Allows(viewer) {
		r.remember()
		return nil
	}
	if viewer.Actor.Restricted() && (viewer.Account != nil || viewer.Staff && rt.Access == Staff) {
		return errRestricted
	}
	if permission, ok := rt.Access.Permission(); ok && viewer.Account != nil {
		return &denied{permission: permission}
	}
	return fault.New(fault.NotFound, "no-page", "We could not find that page")
}
