package web

import (
	"hubline/product/account"
)

// profile shows what a person decides about themselves.
func (p *Portal) profile(r *Request) error {
	r.FillBeside("profile", ownDetails{r.Viewer.Actor.Name, r.Viewer.Theme})
	accounts, err := p.ownAccounts(r)
	if err != nil {
		return err
	}
	return r.Render("profile/profile.html", Page{Title: "Your details", Data: accounts})
}

// ownAccount is one account of the person, with the address of its people for those who look after them.
type ownAccount struct {
	account.Belonging
	People string
}

func (p *Portal) ownAccounts(r *Request) ([]ownAccount, error) {
	list, err := p.Account.Belongings(r.Context(), r.Viewer.Actor)
	var accounts []ownAccount
	for _, b := range list {
		own := ownAccount{Belonging: b}
		if b.Roles.Allows(account.ViewHubUsers) {
			own.People = "/" + b.Slug + "/hub-users"
		}
		accounts = append(accounts, own)
	}
	return accounts, err
}

type ownDetails struct {
	Name  string `form:"name"`
	Theme string `form:"theme"`
}

func (p *Portal) saveProfile(r *Request) error {
	var in ownDetails
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.profile)
	}
	if err := p.Account.SetOwn(r.Context(), r.Viewer.Actor, in.Name, in.Theme); err != nil {
		return r.Again(err, p.profile)
	}
	return r.Go("/profile", Banner{Text: "Your details are changed"})
}

// ownSession is one line of the list of places where a person is signed in.
type ownSession struct {
	account.Session
	Device string
}

// securityPage is what a person decides about how they sign in.
type securityPage struct {
	Sessions   []ownSession
	Identities []account.Identity
	Providers  []providerButton // that can be linked
	Password   bool             // they have one
}

// security shows where and with what the person signs in, and changes the password.
func (p *Portal) security(r *Request) (err error) {
	data := securityPage{}
	if data.Password, err = p.Account.HasPassword(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	if data.Identities, err = p.Account.Identities(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	if data.Providers, err = p.linkButtons(r); err != nil {
		return err
	}
	list, err := p.Account.Sessions(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	for _, s := range list {
		data.Sessions = append(data.Sessions, ownSession{s, account.Describe(s.UserAgent)})
	}
	return r.Render("profile/security.html", Page{Title: "Security", Data: data})
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
	if err := r.enter(entrance); err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "Your password is changed", More: "Every other browser is signed out."})
}
