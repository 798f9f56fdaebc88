package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// signInPage is what the sign-in pages carry besides what is typed: where to go afterwards.
type signInPage struct {
	Password bool // the second step
	Next     string
	Kept     string
	Passkey  bool // passkeys work here

	Providers []providerButton
}

// WithPasskey is the button that signs in with a passkey.
func (d signInPage) WithPasskey() passkeyForm {
	return passkeyForm{Path: "/sign-in/passkey", Label: "Sign in with a passkey", Next: d.Next, Kept: d.Kept}
}

// signIn shows the first step. Whoever is signed in goes on.
func (p *Portal) signIn(r *Request) error {
	if r.Viewer != nil {
		return r.Redirect(r.Next())
	}
	return r.signInStep(signInPage{Next: r.Next()})
}

// askToSignIn is Portal.SignInPage: the answer to a form that was posted without a session.
func (p *Portal) askToSignIn(r *Request, kept string) error {
	r.Form = &Form{} // what was typed belongs to the other form
	return r.signInStep(signInPage{Next: "/", Kept: kept})
}

func (r *Request) signInStep(data signInPage) (err error) {
	if data.Providers, err = r.portal.providerButtons(r, "/sign-in/with/", r.portal.slugOf(data.Next)); err != nil {
		return err
	}
	data.Passkey = r.portal.Account.PasskeysWork()
	page := Page{Title: "Sign in", Layout: "card", Data: data}
	if data.Kept != "" {
		page.Banner = &Banner{Kind: "info", Text: "You have been signed out. Sign in and we will bring back what you typed."}
	}
	return r.Render("signin/sign-in.html", page)
}

// enterPortal takes both steps: an address alone leads to the password, and nothing about the address is looked up before that.
func (p *Portal) enterPortal(r *Request) error {
	var in struct {
		Email    string `form:"email"`
		Password string `form:"password,raw"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.signInAgain)
	}
	if !r.PostForm.Has("password") {
		if err := account.CheckAddress(in.Email); err != nil {
			return r.Again(err, p.signInAgain)
		}
		return r.signInStep(signInPage{Password: true, Next: r.Next(), Kept: r.Kept()})
	}
	entrance, err := p.Account.SignIn(r.Context(), in.Email, in.Password, r.browser())
	if err != nil {
		return r.againHere(err, p.signInAgain)
	}
	return r.begin(entrance, r.Next(), r.Kept(), func() error { return r.Resume(r.Next()) })
}

func (p *Portal) signInAgain(r *Request) error {
	return r.signInStep(signInPage{Password: r.PostForm.Has("password"), Next: r.Next(), Kept: r.Kept()})
}

// againHere is Again for pages where people prove who they are: what other pages answer with a page of its own, such as too many
// tries, is told beside what was typed.
func (r *Request) againHere(err error, page func(*Request) error) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	status := 0
	switch {
	case f.Kind == fault.TooMany || f.Kind == fault.Busy || f.Kind == fault.Changed:
		status = meanings[f.Kind].status
	case f.Code == "sign-in-failed" || f.Kind == fault.Forbidden:
		status = http.StatusUnprocessableEntity
	default:
		return r.Again(err, page)
	}
	if f.RetryAfter > 0 {
		r.W.Header().Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	r.Form.note(f)
	r.status = status
	r.visit.fault = f.Code
	return page(r)
}

// signOut ends the session on the server and takes the cookie away. It is open to everybody, as the session may have ended already.
func (p *Portal) signOut(r *Request) error {
	if err := r.leave(); err != nil {
		return err
	}
	path := "/sign-in"
	if next := r.Next(); next != "/" {
		path += "?next=" + url.QueryEscape(next)
	}
	return r.Go(path, Banner{Text: "You are signed out"})
}

func (r *Request) leave() error {
	p := r.portal
	if err := p.Account.SignOut(r.Context(), p.sessionToken(r.Request)); err != nil {
		return err
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, "", -1))
	r.forget()
	return nil
}

// forget asks the browser to keep nothing of what the session showed. The cookies that stay say which browser this is, and nothing of a
// person's things.
func (r *Request) forget() { r.W.Header().Set("Clear-Site-Data", `"cache", "storage"`) }

// front leads everybody to where they work: staff to the console, others to their only account or the one they used last.
func (p *Portal) front(r *Request) error {
	list, last := r.Viewer.Accounts, recent(r.Request)
	switch {
	case r.Viewer.Staff:
		return r.Redirect("/console/accounts")
	case len(list) == 1, len(list) > 1 && len(last) > 0 && last[0] == list[0].Slug:
		return r.Redirect("/" + list[0].Slug + "/")
	}
	return r.Redirect("/accounts")
}

// chooser lists the accounts that the person belongs to.
func (p *Portal) chooser(r *Request) error {
	if r.Viewer.Staff {
		return r.Redirect("/console/accounts")
	}
	title := "Choose an account"
	if len(r.Viewer.Accounts) == 0 {
		title = "You belong to no account"
	}
	return r.Render("signin/accounts.html", Page{Title: title, Layout: "card", Data: r.Viewer.Accounts})
}
