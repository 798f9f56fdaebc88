package web

import (
	"net/url"

	"hubline/base/fault"
	"hubline/product/account"
)

// ownProvidersPage lists what the account's people can sign in with besides what everybody can.
type ownProvidersPage struct {
	Providers []account.SignInProvider
	Address   string // where the account's people sign in
}

func (p *Portal) ownProviders(r *Request) error {
	list, err := p.Account.OwnProviders(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	data := ownProvidersPage{Providers: list, Address: p.BaseURL + "/sign-in?next=" + url.QueryEscape(r.to(""))}
	return r.Render("account/sign-in.html", Page{Title: "Sign-in providers", Section: "settings", Crumbs: accountCrumbs(r, Link{"Settings", r.to("settings")}), Data: data})
}

// newProviderForm is what an admin enters. The secret has to be typed again each time: it is never shown.
type newProviderForm struct {
	Name     string `form:"name"`
	Issuer   string `form:"issuer"`
	ClientID string `form:"client_id"`
	Secret   string `form:"client_secret"`
	Domains  string `form:"domains"`
}

// newProvider shows the form. It opens only with a fresh check: the client secret would not be kept on the way to one.
func (p *Portal) newProvider(r *Request) error {
	if err := r.Viewer.Actor.Require(account.ChangeSettings); err != nil {
		return err
	}
	if err := r.needCheck(); err != nil {
		return err
	}
	return p.newProviderAgain(r)
}

func (p *Portal) newProviderAgain(r *Request) error {
	return r.Render("account/new-provider.html", Page{Title: "Add sign-in provider", Section: "settings",
		Crumbs: accountCrumbs(r, Link{"Settings", r.to("settings")}, Link{"Sign-in providers", r.to("settings/sign-in")}),
		Data:   p.Account.ProviderRedirect(r.Viewer.Account.Slug)})
}

func (p *Portal) addProvider(r *Request) error {
	var in newProviderForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newProviderAgain)
	}
	made, err := p.Account.AddProvider(r.Context(), r.Viewer.Actor, account.NewProvider{Name: in.Name, Issuer: in.Issuer, ClientID: in.ClientID, Secret: in.Secret, Domains: in.Domains})
	if err != nil {
		return r.Again(err, p.newProviderAgain)
	}
	return r.Go(r.to("settings/sign-in"), Banner{Text: made.Name + " is added", More: "Sign out and try it before you tell others."})
}

// testProvider asks the provider now, and says what came of it.
func (p *Portal) testProvider(r *Request) error {
	one, err := p.Account.TestProvider(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if f, ok := fault.Of(err); ok && f.Kind == fault.Invalid {
		return r.Go(r.to("settings/sign-in"), Banner{Kind: "warn", Text: f.Message})
	}
	if err != nil {
		return err
	}
	return r.Go(r.to("settings/sign-in"), Banner{Text: one.Name + " answers", More: "Whether the client ID and secret are right shows when somebody signs in."})
}

func (p *Portal) switchProvider(r *Request) error {
	on := r.Posted("on") != ""
	one, err := p.Account.SwitchProvider(r.Context(), r.Viewer.Actor, r.PathValue("id"), on)
	if err != nil {
		return err
	}
	done := Banner{Text: one.Name + " is switched off", More: "Whoever signed in with it is signed out."}
	if on {
		done = Banner{Text: one.Name + " is switched on"}
	}
	return r.Go(r.to("settings/sign-in"), done)
}

// askRemoveProvider is the question before a provider goes, as a page.
func (p *Portal) askRemoveProvider(r *Request) error {
	list, err := p.Account.OwnProviders(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.ID == r.PathValue("id") {
			title := "Remove " + one.Name + "?"
			return r.Render("account/confirm.html", Page{Title: title, Section: "settings", Crumbs: accountCrumbs(r, Link{"Settings", r.to("settings")}, Link{"Sign-in providers", r.to("settings/sign-in")}),
				Data: Confirm{Title: title, Text: "Whoever signed in with it is signed out now, and signs in another way from then on. People who have no other way choose a password with Forgot password.",
					Path: r.to("settings/sign-in/" + one.ID + "/removal"), Keep: "Keep", Do: "Remove provider", Busy: "Removing…", Next: r.to("settings/sign-in")}})
		}
	}
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

func (p *Portal) removeProvider(r *Request) error {
	one, err := p.Account.RemoveProvider(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.Go(r.to("settings/sign-in"), Banner{Text: one.Name + " is removed"})
}
