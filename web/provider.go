package web

import (
	"net/http"
	"net/url"

	"hubline/base/fault"
	"hubline/product/account"
)

// providerCookie binds a sign-in with a provider to the browser that set out. It has to survive coming back from another site.
const providerCookie = "hubline_provider"

// providerButton is one way to go on with a provider: "Continue with Google".
type providerButton struct {
	Path    string // that the form posts to
	Name    string
	Account string // slug, for one of an account's own on a page outside accounts
}

// providerButtons are the providers that one can sign in with on the way to a page of ours, or at an account.
func (p *Portal) providerButtons(r *Request, base, slug string) ([]providerButton, error) {
	list, err := p.Account.OfferedProviders(r.Context(), slug)
	var buttons []providerButton
	for _, one := range list {
		buttons = append(buttons, providerButton{Path: base + one.ID, Name: one.Name})
	}
	return buttons, err
}

// linkButtons are the providers that the viewer can link.
func (p *Portal) linkButtons(r *Request) (buttons []providerButton, err error) {
	list, err := p.Account.LinkableProviders(r.Context(), r.Viewer.Actor)
	for _, one := range list {
		b := providerButton{Path: "/profile/security/link/" + one.ID, Name: one.Name, Account: one.Slug}
		if one.Slug != "" {
			b.Name += " of " + one.Account
		}
		buttons = append(buttons, b)
	}
	return buttons, err
}

// signInWith sets out to sign in with a provider.
func (p *Portal) signInWith(r *Request) error {
	next := r.Next()
	return p.goToProvider(r, account.Actor{}, account.Departure{Errand: account.ToSignIn, Account: p.slugOf(next), Next: next, Kept: r.Kept()})
}

// acceptWith sets out to accept an invitation with a provider.
func (p *Portal) acceptWith(r *Request) error {
	return p.goToProvider(r, account.Actor{}, account.Departure{Errand: account.ToAccept, Link: r.PathValue("token"), Shown: r.Posted("shown")})
}

// linkWith sets out to link a provider to the viewer.
func (p *Portal) linkWith(r *Request) error {
	var in struct {
		Account string `form:"account,hidden"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.security)
	}
	return p.goToProvider(r, r.Viewer.Actor, account.Departure{Errand: account.ToLink, Account: in.Account})
}

// goToProvider leads the browser to the provider with a page in between: a form may not lead to another site by itself (form-action in the
// portal's policy), and a page may.
func (p *Portal) goToProvider(r *Request, actor account.Actor, d account.Departure) error {
	d.Provider, d.Browser = r.PathValue("provider"), p.cookieValue(r.Request, providerCookie)
	going, err := p.Account.GoToProvider(r.Context(), actor, d, r.browser())
	if err != nil {
		return p.notArrived(r, account.Arrival{Errand: d.Errand, Next: d.Next, Link: d.Link}, err)
	}
	http.SetCookie(r.W, p.cookie(providerCookie, going.Browser, account.DepartureLife))
	r.W.Header().Set("Refresh", "0; url="+going.URL)
	return r.Render("signin/going.html", Page{Title: "Continue with " + going.Provider, Layout: "card", Data: going})
}

// providerAnswer takes what a provider of the installation sends back.
func (p *Portal) providerAnswer(r *Request) error { return p.arrive(r, r.PathValue("provider")) }

// ownProviderAnswer takes what a provider of an account sends back.
func (p *Portal) ownProviderAnswer(r *Request) error { return p.arrive(r, r.PathValue("slug")) }

// arrive does what the browser set out for, if it is the one that did. This GET changes something, as OpenID Connect has it: what it
// carries works once, in the browser that holds the cookie.
func (p *Portal) arrive(r *Request, at string) error {
	q := r.URL.Query()
	answer := account.ProviderAnswer{At: at, State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"),
		Browser: p.cookieValue(r.Request, providerCookie)}
	var actor account.Actor
	if r.Viewer != nil {
		actor = r.Viewer.Actor
	}
	out, err := p.Account.ProviderAnswered(r.Context(), actor, answer, r.browser())
	if err != nil {
		return p.notArrived(r, out, err)
	}
	if out.Errand == account.ToLink {
		more := out.Provider + " is linked."
		if out.Email != "" {
			more = out.Email + " is linked."
		}
		return r.Go("/profile/security", Banner{Text: "You can now sign in with " + out.Provider, More: more + " Every other browser is signed out."})
	}
	if out.Entrance.Half != "" {
		next := localPath(out.Next)
		if out.Errand == account.ToAccept {
			next = "/invitations/" + url.PathEscape(out.Link)
		}
		return r.begin(out.Entrance, next, out.Kept, nil)
	}
	if err := r.enter(out.Entrance); err != nil {
		return err
	}
	if out.Errand == account.ToAccept {
		w := out.Welcome
		return r.Go("/"+w.Account.Slug+"/", Banner{Text: "Welcome to " + w.Account.Name, More: w.Invitation.Offered().Sentence("You", false)})
	}
	if form, ok := p.openKept(out.Kept); ok {
		return r.resume(form)
	}
	return r.Redirect(localPath(out.Next))
}

// notArrived leads back to where the browser set out, and says there why.
func (p *Portal) notArrived(r *Request, out account.Arrival, err error) error {
	f, ok := fault.Of(err)
	if !ok || f.Kind == fault.StepUp || f.Kind == fault.TooMany || f.Kind == fault.SignedOut {
		return err
	}
	r.visit.fault = f.Code
	path := "/sign-in"
	switch {
	case out.Errand == account.ToLink:
		path = "/profile/security"
	case out.Errand == account.ToAccept:
		path = "/invitations/" + url.PathEscape(out.Link)
	case r.Viewer != nil:
		path = "/"
	case localPath(out.Next) != "/":
		path += "?next=" + url.QueryEscape(localPath(out.Next))
	}
	return r.Go(path, Banner{Kind: "warn", Text: f.Message})
}

// unlink takes a linked identity away.
func (p *Portal) unlink(r *Request) error {
	gone, err := p.Account.Unlink(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Forbidden) {
		return p.notArrived(r, account.Arrival{Errand: account.ToLink}, err)
	}
	if err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: gone.Provider + " is unlinked", More: "It can't sign you in any more."})
}
