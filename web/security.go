package web

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// ownSession is one line of the list of places where a person is signed in.
type ownSession struct {
	account.Session
	Device string
	By     string // how they signed in
}

// ownEvent is one line of what happened to a person's own ways in.
type ownEvent struct {
	account.Event
	Device string
}

type securityPage struct {
	Ways     account.OwnWays
	Recovery account.Recovery // that somebody started
	Passkeys []account.Way
	Makes    bool // passkeys work here
	Sessions []ownSession
	Events   []ownEvent

	Identities []account.Identity
	Providers  []providerButton // that can be linked
	Password   bool             // they have one
}

// security shows with what the person signs in, where they are, and what happened; and changes the password.
func (p *Portal) security(r *Request) error {
	ctx, actor := r.Context(), r.Viewer.Actor
	var data securityPage
	var err error
	if data.Ways, err = p.Account.OwnWays(ctx, actor); err != nil {
		return err
	}
	if data.Recovery, err = p.Account.OwnRecovery(ctx, actor); err != nil {
		return err
	}
	data.Password, data.Makes = data.Ways.Password, p.Account.PasskeysWork()
	if data.Passkeys, err = p.Account.Passkeys(ctx, actor); err != nil {
		return err
	}
	if data.Identities, err = p.Account.Identities(ctx, actor); err != nil {
		return err
	}
	if data.Providers, err = p.linkButtons(r); err != nil {
		return err
	}
	sessions, err := p.Account.Sessions(ctx, actor)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		data.Sessions = append(data.Sessions, ownSession{s, account.Describe(s.UserAgent), upperFirst(s.Proofs.Words())})
	}
	events, err := p.Account.OwnEvents(ctx, actor)
	for _, e := range events {
		data.Events = append(data.Events, ownEvent{e, account.Describe(e.UserAgent)})
	}
	if err != nil {
		return err
	}
	return r.Render("profile/security.html", Page{Title: "Security", Data: data})
}

func upperFirst(s string) string {
	if s == "" {
		return "–"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// securityCrumbs is the way to the pages below the security page.
func securityCrumbs() []Link { return []Link{{"Security", "/profile/security"}} }

// authenticatorPage shows what an authenticator app has to know.
type authenticatorPage struct {
	account.NewAuthenticator
	QR    template.HTML
	Words string // the secret in groups of four, for typing
}

// startAuthenticator begins to set up an app; the page after it shows the code.
func (p *Portal) startAuthenticator(r *Request) error {
	if err := p.Account.StartAuthenticator(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Redirect("/profile/security/authenticator")
}

// authenticator shows the app that is being set up, and nothing to whoever did not begin.
func (p *Portal) authenticator(r *Request) error {
	a, err := p.Account.PendingAuthenticator(r.Context(), r.Viewer.Actor)
	if fault.Is(err, fault.NotFound) {
		return r.Redirect("/profile/security")
	}
	if err != nil {
		return err
	}
	data := authenticatorPage{NewAuthenticator: a}
	for rest := a.Secret; rest != ""; rest = rest[min(4, len(rest)):] {
		data.Words += rest[:min(4, len(rest))] + " "
	}
	if data.QR, err = qrCode(a.URI); err != nil {
		return err
	}
	r.W.Header().Set("Cache-Control", "no-store")
	return r.Render("profile/authenticator.html", Page{Title: "Set up an authenticator app", Section: "profile/security", Crumbs: securityCrumbs(), Data: data})
}

func (p *Portal) confirmAuthenticator(r *Request) error {
	session, codes, err := p.Account.ConfirmAuthenticator(r.Context(), r.Viewer.Actor, r.Posted("code"), r.browser())
	if fault.Is(err, fault.NotFound) {
		return r.Redirect("/profile/security")
	}
	if err != nil {
		return r.againHere(err, p.authenticator)
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, session, sessionCookieLife))
	if len(codes) > 0 {
		return r.showCodes(r.Viewer.Email, codes, "Your authenticator app is set up. Keep these codes for the day you don't have it.", "/profile/security")
	}
	return r.Go("/profile/security", Banner{Text: "Your authenticator app is set up", More: "Signing in asks for its code from now on."})
}

// codesPage shows recovery codes, this once.
type codesPage struct {
	Codes []string
	Text  string
	File  template.URL // the codes as a file to keep
	Next  string
}

// showCodes shows the recovery codes of the person with that address, and then leads on.
func (r *Request) showCodes(email string, codes []string, text, next string) error {
	r.W.Header().Set("Cache-Control", "no-store")
	file := "Recovery codes for " + email + " at " + r.portal.BaseURL + "\r\nEach works once, in place of your second factor.\r\n\r\n" + strings.Join(codes, "\r\n") + "\r\n"
	return r.Render("profile/recovery-codes.html", Page{Title: "Your recovery codes", Section: "profile/security", Crumbs: securityCrumbs(),
		Data: codesPage{codes, text, template.URL("data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte(file))), next}})
}

func (p *Portal) newRecoveryCodes(r *Request) error {
	codes, err := p.Account.NewRecoveryCodes(r.Context(), r.Viewer.Actor, r.browser())
	if fault.Is(err, fault.Conflict) {
		return r.Again(err, p.security)
	}
	if err != nil {
		return err
	}
	return r.showCodes(r.Viewer.Email, codes, "The codes you had before work no more.", "/profile/security")
}

func (p *Portal) askRemoveAuthenticator(r *Request) error {
	c := Confirm{Title: "Remove your authenticator app?", Text: "Signing in asks for its codes no more, and your recovery codes go with it.",
		Keep: "Keep it", Do: "Remove it", Busy: "Removing…", Path: r.URL.Path, Next: "/profile/security"}
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "profile/security", Crumbs: securityCrumbs(), Data: c})
}

func (p *Portal) removeAuthenticator(r *Request) error {
	err := p.Account.RemoveAuthenticator(r.Context(), r.Viewer.Actor, r.browser())
	if fault.Is(err, fault.NotFound) {
		return r.Redirect("/profile/security")
	}
	if fault.Is(err, fault.Conflict) {
		return r.Again(err, p.security)
	}
	if err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "Your authenticator app is removed"})
}

func (p *Portal) endSession(r *Request) error {
	if r.PathValue("id") == r.Viewer.Actor.SessionID {
		return p.signOut(r)
	}
	if err := p.Account.EndSession(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "That browser is signed out"})
}

func (p *Portal) endOtherSessions(r *Request) error {
	if err := p.Account.EndOtherSessions(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "Every other browser is signed out"})
}

func (p *Portal) changePassword(r *Request) error {
	var in struct {
		Current  string `form:"current_password,raw"`
		Password string `form:"password,raw"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.security)
	}
	entrance, err := p.Account.ChangePassword(r.Context(), r.Viewer.Actor, in.Current, in.Password, r.browser())
	if err != nil {
		return r.againHere(err, p.security)
	}
	return r.begin(entrance, "/profile/security", "", func() error {
		return r.Go("/profile/security", Banner{Text: "Your password is changed", More: "Every other browser is signed out."})
	})
}
