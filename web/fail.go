package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

var (
	errTooLarge  = errors.New("the form is larger than 1 MB")
	errOtherSite = errors.New("the form came from another site")
	errMethod    = errors.New("no route for this method")
	// errRestricted says that something keeps the viewer out of the account, or the console, that their roles would let them in to.
	errRestricted = errors.New("something is missing before they may come in")
)

// denied is a permission that the viewer lacks in the account of the path.
type denied struct{ permission string }

func (d *denied) Error() string { return "needs " + d.permission }

// crash is a panic on its way to the one page and the one log line it gets.
type crash struct {
	value any
	stack string
}

func (c *crash) Error() string { return fmt.Sprintf("panic: %v", c.value) }

// FaultPage is what a fault looks like to a person.
type FaultPage struct {
	Status int
	Icon   string
	Text   string   // what happened
	Next   string   // what to do
	People []string // who can help
	Ask    *Ask     // asks them
	Link   *Link    // one way on
	Retry  bool     // offers the same address again
	Search bool     // offers the command palette
	Ref    string   // for telling support
}

// Ask is a button that asks the admins for what the page needed.
type Ask struct{ Path, Permission string }

// Link is a worded way to another page.
type Link struct{ Label, Path string }

// meanings is the door's table: what each kind of fault is called on a page.
var meanings = map[fault.Kind]struct {
	status int
	title  string
	icon   string
	next   string
}{
	fault.Invalid:   {http.StatusUnprocessableEntity, "There is a problem", "bad", "Go back and change it."},
	fault.NotFound:  {http.StatusNotFound, "Page not found", "find", ""},
	fault.Forbidden: {http.StatusForbidden, "You can't do this", "lock", ""},
	fault.Conflict:  {http.StatusConflict, "That can't be done now", "bad", "Go back to see how things stand."},
	fault.Changed:   {http.StatusConflict, "This was changed meanwhile", "clock", "Go back to see the change, then make yours."},
	fault.TooMany:   {http.StatusTooManyRequests, "Too many tries", "clock", ""},
	fault.Busy:      {http.StatusServiceUnavailable, "Busy right now", "clock", "Nothing was saved. Try again in a moment."},
}

// fail answers with what err means. It is the only place where errors become pages, and where those of ours are logged.
func (p *Portal) fail(r *Request, err error) {
	if r.out.gone || r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		r.visit.fault = "gone" // nobody is there to read it
		p.Log.LogAttrs(r.Context(), slog.LevelDebug, "reader gone", slog.String("request", r.visit.id), slog.String("route", r.visit.route), slog.String("error", err.Error()))
		return
	}
	if r.out.status != 0 { // half an answer is on its way; it can only be logged
		p.report(r, err)
		return
	}
	f, isFault := fault.Of(err)
	if isFault {
		r.visit.fault = f.Code
	}
	switch {
	case isFault && f.Kind == fault.SignedOut:
		if p.sessionToken(r.Request) != "" { // the session has ended
			r.forget()
		}
		err = p.ask(r, "/sign-in", p.SignInPage)
	case isFault && f.Kind == fault.StepUp:
		err = p.ask(r, "/check", p.StepUpPage)
	case errors.Is(err, errRestricted) || isFault && f.Code == "membership-restricted":
		r.visit.fault = "membership-restricted"
		err = p.ask(r, restrictedPath(r.Viewer), nil)
	default:
		err = p.failPage(r, err)
	}
	if err != nil { // the page for the error has an error of its own
		p.report(r, err)
		http.Error(r.W, "Something went wrong on our side. Nothing was saved. Try again. Reference "+r.visit.Reference(), http.StatusInternalServerError)
	}
}

// ask sends a person to prove who they are. A form they posted is kept, sealed, and comes back afterwards.
func (p *Portal) ask(r *Request, path string, page func(*Request, string) error) error {
	next := r.RequestURI
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if r.fragment() {
			next = localPath(r.Header.Get("HX-Current-URL"))
			r.W.Header().Set("HX-Redirect", path+"?next="+url.QueryEscape(next))
			r.W.WriteHeader(http.StatusUnauthorized)
			return nil
		}
		if accept := r.Header.Get("Accept"); accept == "application/json" || accept == "text/event-stream" { // scripts of a page
			r.W.WriteHeader(http.StatusUnauthorized)
			return nil
		}
		return r.Redirect(path + "?next=" + url.QueryEscape(next))
	}
	kept, err := r.keep()
	if err != nil || page == nil {
		return r.Redirect(path)
	}
	r.status = http.StatusUnauthorized
	return page(r, kept)
}

func (p *Portal) failPage(r *Request, err error) error {
	page, title := p.explain(r, err)
	if page.Status >= 500 {
		p.report(r, err)
		page.Ref = r.visit.Reference()
	}
	r.status = page.Status
	layout := ""
	if r.Viewer == nil {
		layout = "card"
	}
	return r.Render("fault/fault.html", Page{Title: title, Layout: layout, Data: page})
}

// explain turns an error into words. What is not a fault is ours.
func (p *Portal) explain(r *Request, err error) (FaultPage, string) {
	if no := (*denied)(nil); errors.As(err, &no) {
		return p.forbidden(r, no.permission), "You can't see this page"
	}
	switch large := (*http.MaxBytesError)(nil); {
	case errors.Is(err, errTooLarge) || errors.As(err, &large):
		r.visit.fault = "too-large"
		return FaultPage{Status: http.StatusRequestEntityTooLarge, Icon: "bad", Text: "That is too much to send at once. The most is 1 MB.", Next: "Go back and send less. Nothing was saved."}, "Too much to send"
	case errors.Is(err, errOtherSite):
		r.visit.fault = "other-site"
		return FaultPage{Status: http.StatusForbidden, Icon: "lock", Text: "That form came from another website, so nothing was changed.", Next: "Open the page here and try again."}, "Not from this site"
	case errors.Is(err, errMethod):
		r.visit.fault = "method"
		return FaultPage{Status: http.StatusMethodNotAllowed, Icon: "find", Text: "This address does not work that way.", Next: "Go back and use the page's own buttons."}, "Not that way"
	}
	f, ok := fault.Of(err)
	if ok && (f.Code == "account-suspended" || f.Code == "account-closing") {
		r.visit.fault = f.Code
		return FaultPage{Status: http.StatusForbidden, Icon: "lock", Text: sentence(f.Message), Link: &Link{"Your accounts", "/accounts"}}, "This account is not open"
	}
	meaning, known := meanings[kindOf(f)]
	if !ok || !known {
		return FaultPage{Status: http.StatusInternalServerError, Icon: "bad", Text: "Something went wrong on our side. Nothing was saved.", Retry: r.Method == http.MethodGet}, "Something went wrong"
	}
	page := FaultPage{Status: meaning.status, Icon: meaning.icon, Text: sentence(f.Message), Next: meaning.next, Retry: f.Kind == fault.Busy}
	if f.Kind == fault.NotFound {
		page.Link = &Link{"Go to the start", "/"}
		if r.Viewer != nil {
			page.Search = true
		}
	}
	if f.RetryAfter > 0 {
		seconds := int64((f.RetryAfter + time.Second - 1) / time.Second)
		r.W.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		if f.Kind == fault.TooMany {
			page.Next = "Try again in " + span(f.RetryAfter) + "."
		}
	}
	return page, meaning.title
}

func kindOf(f *fault.Fault) fault.Kind {
	if f == nil {
		return -1
	}
	return f.Kind
}

// forbidden names the access that is missing and who can give it.
func (p *Portal) forbidden(r *Request, permission string) FaultPage {
	r.visit.fault = "no-permission"
	page := FaultPage{Status: http.StatusForbidden, Icon: "lock", Text: "Your access does not include this page."}
	if f, ok := fault.Of(r.Viewer.Actor.Require(account.Permission(permission))); ok && r.Viewer.Actor.Kind == account.Visitor {
		page.Text = sentence(f.Message)
		return page
	}
	help, err := p.Guard.Help(r.Context(), r.Viewer, permission)
	if err != nil {
		p.report(r, err)
		return page
	}
	page.Text, page.People = "You need "+help.Access+" access.", help.People
	if len(help.People) > 0 {
		page.Ask = &Ask{"/" + r.Viewer.Account.Slug + "/ask", permission}
	}
	if roles := "/" + r.Viewer.Account.Slug + "/roles"; p.leads(roles, r.Viewer) {
		page.Link = &Link{"What each role can do", roles}
	}
	return page
}

// report writes the one line that an error of ours gets.
func (p *Portal) report(r *Request, err error) {
	attrs := []slog.Attr{slog.String("request", r.visit.id), slog.String("ref", r.visit.Reference()), slog.String("method", r.Method),
		slog.String("route", r.visit.route), slog.String("error", err.Error())}
	if c := (*crash)(nil); errors.As(err, &c) {
		attrs = append(attrs, slog.String("stack", c.stack))
	}
	if r.visit.fault == "" {
		r.visit.fault = "ours"
	}
	p.Log.LogAttrs(r.Context(), slog.LevelError, "request failed", attrs...)
}

// sentence gives a fault's message the full stop that a paragraph needs.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!") {
		return s
	}
	return s + "."
}
