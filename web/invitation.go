package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// invitationPage is what the page behind an invitation's link shows. Everything in it comes from the link.
type invitationPage struct {
	account.Welcome
	Self    string // the page's own address
	Case    string // "new", "known", "join" or "other": who looks at it
	Until   template.HTML
	Zone    string
	Ability string

	Passkey   bool // somebody new can make one, or somebody known can sign in with theirs
	Providers []providerButton
	Terms     account.Terms // to accept with the same form
	Day       string        // of the terms, in words
}

// WithPasskey is the button that signs in somebody known with a passkey, and leads back.
func (d invitationPage) WithPasskey() passkeyForm {
	return passkeyForm{Path: "/sign-in/passkey", Label: "Sign in with a passkey", Next: d.Self}
}

// invitation shows an invitation. Looking changes nothing, so that mail scanners may.
func (p *Portal) invitation(r *Request) error {
	w, err := p.Account.Welcome(r.Context(), r.PathValue("token"))
	if err != nil {
		return r.endedInvitation(err)
	}
	times := &View{now: p.Now(), zone: w.Account.Location()}
	data := invitationPage{Welcome: w, Self: "/invitations/" + r.PathValue("token"), Until: times.Deadline(w.Invitation.ExpiresAt), Zone: times.Zone(),
		Ability: w.Invitation.Offered().Sentence("You", false)}
	if r.Viewer == nil {
		if data.Providers, err = p.providerButtons(r, data.Self+"/with/", w.Account.Slug); err != nil {
			return err
		}
	}
	data.Passkey = p.Account.PasskeysWork() && (w.Known || w.PasskeyFits())
	if data.Terms, err = p.termsFor(r, w); err != nil {
		return err
	}
	data.Day = dayWords(data.Terms.Dated)
	switch {
	case r.Viewer != nil && r.Viewer.Email == w.Invitation.Email:
		data.Case = "join"
	case r.Viewer != nil:
		data.Case = "other"
	case w.Known:
		data.Case = "known"
	default:
		data.Case = "new"
		r.Fill(struct {
			Name string `form:"name"`
		}{w.Invitation.Name})
		if !r.Form.values.Has("name") { // the other form of the page was sent
			r.Form.values.Set("name", w.Invitation.Name)
		}
	}
	return r.Render("invitation/invitation.html", Page{Title: w.Invitation.InviterName + " invited you to " + w.Account.Name, Layout: "card", Data: data})
}

// endedInvitation is the page of a link that no longer works; what else went wrong goes on.
func (r *Request) endedInvitation(err error) error {
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.NotFound && !ended(f) {
		return err
	}
	status := http.StatusGone
	if f.Kind == fault.NotFound {
		status = http.StatusNotFound
	}
	on := Link{"Sign in", "/sign-in"}
	if r.Viewer != nil {
		on = Link{"Go to your accounts", "/"}
	}
	page := deadPage{Text: sentence(f.Message), On: on}
	if f.Code == "invitation-expired" {
		page.Ask = "/invitations/" + r.PathValue("token") + "/ask"
	}
	return r.deadLink(status, f, "This invitation can't be used", page)
}

// askAgain tells the inviter that somebody wants a new link instead of one that ran out.
func (p *Portal) askAgain(r *Request) error {
	inviter, err := p.Account.AskAgain(r.Context(), r.PathValue("token"))
	if f, ok := fault.Of(err); ok && f.Code == "invitation-open" {
		return r.Redirect("/invitations/" + r.PathValue("token"))
	}
	if err != nil {
		return r.endedInvitation(err)
	}
	return r.Render("signin/dead.html", Page{Title: "We asked " + inviter, Layout: "card",
		Data: deadPage{Text: "When " + inviter + " sends a new invitation, you get an email with a new link.", On: Link{"Sign in", "/sign-in"}}})
}

// ended reports whether the fault says what became of a link.
func ended(f *fault.Fault) bool {
	return f.Kind == fault.Conflict && strings.HasPrefix(f.Code, "invitation-")
}

// accept joins the account in the way that fits who is there: signed in, known with a password, or new.
func (p *Portal) accept(r *Request) error {
	var in struct {
		Shown    string `form:"shown,hidden"`
		Name     string `form:"name"`
		Password string `form:"password,raw"`
		Accept   bool   `form:"accept"`
		Terms    string `form:"terms,hidden"`
		With     string `form:"with,hidden"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.invitation)
	}
	token, ctx := r.PathValue("token"), r.Context()
	w, err := p.Account.Welcome(ctx, token)
	if err != nil {
		return r.endedInvitation(err)
	}
	terms, err := p.termsFor(r, w)
	if err != nil {
		return err
	}
	if err := (acceptForm{in.Accept, int(version(in.Terms))}).check(terms); err != nil {
		return r.Again(err, p.invitation)
	}
	var entrance account.Entrance
	switch {
	case r.Viewer != nil:
		w, err = p.Account.AcceptAs(ctx, r.Viewer.Actor, token, in.Shown)
	case w.Known:
		entrance, w, err = p.Account.AcceptSigningIn(ctx, token, in.Shown, in.Password, r.browser())
	case in.With == "passkey":
		entrance, w, err = p.Account.AcceptNewWithPasskey(ctx, token, in.Shown, in.Name, r.passkeyAnswer(), r.browser())
	default:
		entrance, w, err = p.Account.AcceptNew(ctx, token, in.Shown, in.Name, in.Password, r.browser())
	}
	if entrance.Half != "" {
		kept, err := r.keep() // with the form they join when they are through
		if err != nil {
			return err
		}
		return r.begin(entrance, "/invitations/"+token, kept, nil)
	}
	if entrance.Session != "" {
		if err := r.enter(entrance); err != nil {
			return err
		}
	}
	if err != nil {
		return p.notJoined(r, entrance, err)
	}
	if err := p.acceptedWith(r, entrance, terms); err != nil {
		return err
	}
	if len(entrance.Codes) > 0 {
		return r.showCodes(entrance.Person.Email, entrance.Codes, "You have joined "+w.Account.Name+" with a passkey. Should you lose it, choose a password with Forgot password, "+
			"then enter one of these codes.", "/"+w.Account.Slug+"/")
	}
	return r.Go("/"+w.Account.Slug+"/", Banner{Text: "Welcome to " + w.Account.Name, More: w.Invitation.Offered().Sentence("You", false)})
}

// notJoined tells why, on the page itself where that helps. Somebody who has just signed in finds it as themselves.
func (p *Portal) notJoined(r *Request, entrance account.Entrance, err error) error {
	f, ok := fault.Of(err)
	switch {
	case !ok:
		return err
	case f.Kind == fault.NotFound || ended(f):
		return r.endedInvitation(err)
	case entrance.Session != "":
		return r.Go("/invitations/"+r.PathValue("token"), Banner{Kind: "warn", Text: f.Message})
	}
	return r.againHere(err, p.invitation)
}

// decline ends the invitation for whoever holds the link and types the invited address.
func (p *Portal) decline(r *Request) error {
	w, err := p.Account.Decline(r.Context(), r.PathValue("token"), r.Posted("email"))
	if f, ok := fault.Of(err); ok && f.Kind == fault.Invalid {
		return r.Again(err, p.invitation)
	}
	if err != nil {
		return r.endedInvitation(err)
	}
	return r.Render("invitation/declined.html", Page{Title: "You declined the invitation", Layout: "card", Data: w})
}

// changePerson signs out and leads back to the invitation.
func (p *Portal) changePerson(r *Request) error {
	if err := r.leave(); err != nil {
		return err
	}
	return r.Redirect("/invitations/" + url.PathEscape(r.PathValue("token")))
}
