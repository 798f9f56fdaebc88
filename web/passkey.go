package web

import (
	"net/http"
	"net/url"

	"hubline/base/fault"
	"hubline/product/account"
)

// passkeyCookie binds what somebody who is not signed in is asked about passkeys to their browser.
const passkeyCookie = "hubline_passkey"

// passkeyForm is a button that asks the browser for a passkey.
type passkeyForm struct {
	Path, Label string
	Next, Kept  string
	Half        string // a sign-in that the passkey completes
	First       bool   // it is what most will press
}

// passkeyAnswer is what the page's script put into the form.
func (r *Request) passkeyAnswer() account.PasskeyAnswer {
	return account.PasskeyAnswer{Challenge: r.Posted("challenge"), Answer: r.Posted("passkey"), Browser: r.portal.cookieValue(r.Request, passkeyCookie)}
}

// askPasskey hands the page's script what the browser is asked.
func (r *Request) askPasskey(asked account.PasskeyAsk, err error) error {
	if err != nil {
		return err
	}
	if asked.Browser != "" {
		http.SetCookie(r.W, r.portal.cookie(passkeyCookie, asked.Browser, account.PasskeyLife))
	}
	r.W.Header().Set("Cache-Control", "no-store")
	return r.JSON(asked)
}

// showsPasskey reports whether the actor can confirm with a passkey here.
func (p *Portal) showsPasskey(a account.Actor) bool {
	return a.HasWay(account.ByPasskey) && p.Account.PasskeysWork()
}

func (p *Portal) askSignInPasskey(r *Request) error {
	return r.askPasskey(p.Account.BeginPasskeySignIn(r.Context(), p.cookieValue(r.Request, passkeyCookie)))
}

// signInWithPasskey signs in, or completes a sign-in that lacks the second factor.
func (p *Portal) signInWithPasskey(r *Request) error {
	half := r.Posted("half")
	again := p.signInAgain
	if half != "" {
		again = func(r *Request) error { return r.secondStep(secondPage{Half: half, Next: r.Next(), Kept: r.Kept()}) }
	}
	entrance, err := p.Account.SignInWithPasskey(r.Context(), half, r.passkeyAnswer(), r.browser())
	if f, ok := fault.Of(err); ok && f.Code == "half-ended" {
		return r.Again(fault.New(fault.Invalid, f.Code, f.Message), p.signInAgain)
	}
	if err != nil {
		return r.againHere(err, again)
	}
	return r.begin(entrance, r.Next(), r.Kept(), func() error { return r.Resume(r.Next()) })
}

func (p *Portal) askCheckPasskey(r *Request) error {
	return r.askPasskey(p.Account.BeginPasskeyCheck(r.Context(), r.Viewer.Actor))
}

// confirmWithPasskey passes the step-up check and goes back to what needed it.
func (p *Portal) confirmWithPasskey(r *Request) error {
	token, err := p.Account.ConfirmWithPasskey(r.Context(), r.Viewer.Actor, r.passkeyAnswer())
	if err != nil {
		return r.againHere(err, p.checkAgain)
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, token, sessionCookieLife))
	return r.Resume(r.Next())
}

func (p *Portal) askAcceptPasskey(r *Request) error {
	return r.askPasskey(p.Account.BeginPasskeyAccept(r.Context(), r.PathValue("token"), p.cookieValue(r.Request, passkeyCookie)))
}

// startPasskey leads to the page that makes a passkey, past a fresh check.
func (p *Portal) startPasskey(r *Request) error {
	if _, err := p.Account.BeginPasskey(r.Context(), r.Viewer.Actor); err != nil {
		return r.Again(err, p.security)
	}
	return r.Redirect("/profile/security/passkeys/new")
}

func (p *Portal) askNewPasskey(r *Request) error {
	return r.askPasskey(p.Account.BeginPasskey(r.Context(), r.Viewer.Actor))
}

func (p *Portal) newPasskey(r *Request) error {
	if !p.Account.PasskeysWork() {
		return r.Redirect("/profile/security")
	}
	return r.Render("profile/new-passkey.html", Page{Title: "Add a passkey", Section: "profile/security", Crumbs: securityCrumbs(), Data: account.Describe(r.UserAgent())})
}

func (p *Portal) addPasskey(r *Request) error {
	session, codes, err := p.Account.AddPasskey(r.Context(), r.Viewer.Actor, r.Posted("name"), r.passkeyAnswer(), r.browser())
	if err != nil {
		return r.againHere(err, p.newPasskey)
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, session, sessionCookieLife))
	if len(codes) > 0 {
		return r.showCodes(r.Viewer.Email, codes, "Your passkey is added. Keep these codes for the day you don't have it.", "/profile/security")
	}
	return r.Go("/profile/security", Banner{Text: "Your passkey is added", More: "It signs you in without your password."})
}

// passkey is the page that renames one.
func (p *Portal) passkey(r *Request) error {
	way, err := p.Account.Passkey(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	r.Fill(struct {
		Name string `form:"name"`
	}{way.Name})
	return r.Render("profile/passkey.html", Page{Title: "Rename passkey", Section: "profile/security", Crumbs: securityCrumbs(), Data: way})
}

func (p *Portal) renamePasskey(r *Request) error {
	var in struct {
		Name string `form:"name"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.passkey)
	}
	if err := p.Account.RenamePasskey(r.Context(), r.Viewer.Actor, r.PathValue("id"), in.Name); err != nil {
		return r.Again(err, p.passkey)
	}
	return r.Go("/profile/security", Banner{Text: "Your passkey has a new name"})
}

func (p *Portal) askRemovePasskey(r *Request) error {
	way, err := p.Account.Passkey(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	c := Confirm{Title: "Remove the passkey " + way.Name + "?", Text: "It can't sign you in any more. Delete it on your device too, so that the device does not offer it.",
		Keep: "Keep it", Do: "Remove it", Busy: "Removing…", Path: "/profile/security/passkeys/" + url.PathEscape(way.ID) + "/removal", Next: "/profile/security"}
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "profile/security", Crumbs: securityCrumbs(), Data: c})
}

func (p *Portal) removePasskey(r *Request) error {
	err := p.Account.RemovePasskey(r.Context(), r.Viewer.Actor, r.PathValue("id"), r.browser())
	if fault.Is(err, fault.Conflict) {
		return r.Again(err, p.security)
	}
	if err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "Your passkey is removed"})
}
