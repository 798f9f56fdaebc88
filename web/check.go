package web

import (
	"net/http"
	"net/url"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// checkPage is the step-up check: a code by email proves that whoever holds the browser still holds the mailbox.
type checkPage struct {
	App   bool // the code comes from their authenticator app, or is a recovery code; none is mailed
	Has   bool // they have an authenticator app
	Key   bool // they have a passkey
	Sent  bool // a code is on its way
	Just  bool // it was sent by this very request
	Email string
	Next  string
	Kept  string
	Back  string // where Cancel leads
}

// check shows the step that is due. Looking sends no mail.
func (p *Portal) check(r *Request) error {
	return p.checkStep(r, r.Next(), "")
}

// askToCheck is Portal.StepUpPage: the answer to a form that needs a fresh check.
func (p *Portal) askToCheck(r *Request, kept string) error {
	r.Form = &Form{}
	next := "/"
	if r.Viewer.Account != nil {
		next += r.Viewer.Account.Slug + "/"
	}
	return p.checkStep(r, next, kept)
}

func (p *Portal) checkStep(r *Request, next, kept string) error {
	if r.Viewer.Actor.HasSecondFactor() {
		return r.checkForm(checkPage{App: true, Has: r.Viewer.Actor.HasWay(account.ByTOTP), Key: p.showsPasskey(r.Viewer.Actor), Next: next, Kept: kept})
	}
	sent, err := p.Account.CodePending(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	return r.checkForm(checkPage{Sent: sent, Next: next, Kept: kept})
}

func (r *Request) checkForm(data checkPage) error {
	data.Email, data.Back = r.Viewer.Email, "/"
	if slug := r.portal.slugOf(data.Next); slug != "" {
		data.Back = "/" + slug + "/"
	}
	return r.Render("signin/check.html", Page{Title: "Confirm it is you", Layout: "card", Data: data})
}

// Passkey is the button that confirms with a passkey.
func (d checkPage) Passkey() passkeyForm {
	return passkeyForm{Path: "/check/passkey", Label: "Confirm with a passkey", Next: d.Next, Kept: d.Kept, First: true}
}

func (p *Portal) checkAgain(r *Request) error { return p.checkStep(r, r.Next(), r.Kept()) }

// sendCode mails a code and asks for it. A page whose button needs a fresh check may post here first; if one stands, it goes straight on.
func (p *Portal) sendCode(r *Request) error {
	actor, err := p.actorFor(r, r.Next())
	if err != nil {
		return err
	}
	if actor.Checked && r.Kept() == "" {
		return r.Redirect(r.Next())
	}
	if actor.HasSecondFactor() {
		return p.checkAgain(r)
	}
	err = p.Account.SendCode(r.Context(), actor, r.browser())
	if f, ok := fault.Of(err); ok && f.Code == "code-just-sent" && r.Posted("again") == "" {
		err = nil // it is on its way; asking for it is all that is left
	}
	if err != nil {
		return r.againHere(err, p.checkAgain)
	}
	return r.checkForm(checkPage{Sent: true, Just: true, Next: r.Next(), Kept: r.Kept()})
}

// confirmCode takes the code and goes back to what needed it.
func (p *Portal) confirmCode(r *Request) error {
	token, err := p.Account.ConfirmCode(r.Context(), r.Viewer.Actor, r.Posted("code"))
	if err != nil {
		return r.againHere(err, p.checkAgain)
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, token, sessionCookieLife))
	return r.Resume(r.Next())
}

// actorFor is the viewer as a member of the account that a local path leads into, whose policy and time zone then hold; outside
// accounts it is the viewer alone.
func (p *Portal) actorFor(r *Request, path string) (account.Actor, error) {
	slug := p.slugOf(path)
	if slug == "" {
		return r.Viewer.Actor, nil
	}
	actor, err := p.Account.Enter(r.Context(), p.sessionToken(r.Request), slug, p.address(r.Request))
	if fault.Is(err, fault.NotFound) {
		return r.Viewer.Actor, nil
	}
	return actor, err
}

// slugOf is the account that a local path leads into, or "".
func (p *Portal) slugOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return ""
	}
	slug, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if p.words[slug] {
		return ""
	}
	return slug
}
