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
	accepted, err := p.Account.Acceptances(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	return r.Render("profile/profile.html", Page{Title: "Your details", Data: profilePage{accounts, accepted, p.safely(r)}})
}

// profilePage is what a person sees about themselves.
type profilePage struct {
	Accounts []ownAccount
	Accepted []account.Acceptance // terms, newest first
	Guidance *guidance
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
