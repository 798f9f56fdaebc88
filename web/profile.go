package web

import (
	"slices"

	"hubline/base/tel"
	"hubline/product/account"
)

// profile shows what a person decides about themselves.
func (p *Portal) profile(r *Request) error {
	actor := r.Viewer.Actor
	r.FillBeside("profile", ownDetails{actor.Name, r.Viewer.Theme, actor.TimeZone, string(actor.Numbers)})
	accounts, err := p.ownAccounts(r)
	if err != nil {
		return err
	}
	accepted, err := p.Account.Acceptances(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	mails, err := p.ownMails(r, accounts)
	if err != nil {
		return err
	}
	return r.Render("profile/profile.html", Page{Title: "Your details", Data: profilePage{accounts, accepted, p.safely(r), zoneGroups(actor.TimeZone), mails}})
}

// profilePage is what a person sees about themselves.
type profilePage struct {
	Accounts []ownAccount
	Accepted []account.Acceptance // terms, newest first
	Guidance *guidance
	Zones    []zoneGroup
	Mails    []ownMail
}

// ownMail is a kind of mails that the person may switch off.
type ownMail struct {
	Topic account.Topic
	Words string
	On    bool
}

// ownMails are the mails that the person gets in one of their accounts and may do without.
func (p *Portal) ownMails(r *Request, accounts []ownAccount) (list []ownMail, err error) {
	off, err := p.Account.OwnMails(r.Context(), r.Viewer.Actor)
	for _, t := range account.Topics {
		if slices.ContainsFunc(accounts, func(a ownAccount) bool { return a.Roles.Allows(t.Needed) }) {
			list = append(list, ownMail{t.Topic, t.Words, !slices.Contains(off, t.Topic)})
		}
	}
	return list, err
}

// saveMails takes which mails the person wants, of those that the page asked about.
func (p *Portal) saveMails(r *Request) error {
	var in struct {
		Asked []string `form:"asked,hidden"`
		On    []string `form:"mails"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.profile)
	}
	if err := p.Account.SetOwnMails(r.Context(), r.Viewer.Actor, topics(in.Asked), topics(in.On)); err != nil {
		return err
	}
	return r.Go("/profile", Banner{Text: "Your emails are changed"})
}

func topics(words []string) (list []account.Topic) {
	for _, word := range words {
		list = append(list, account.Topic(word))
	}
	return list
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
	Name     string `form:"name"`
	Theme    string `form:"theme"`
	TimeZone string `form:"time_zone"`
	Numbers  string `form:"numbers"`
}

func (p *Portal) saveProfile(r *Request) error {
	var in ownDetails
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.profile)
	}
	if err := p.Account.SetOwn(r.Context(), r.Viewer.Actor, account.Own{Name: in.Name, Theme: in.Theme, TimeZone: in.TimeZone, Numbers: tel.Form(in.Numbers)}); err != nil {
		return r.Again(err, p.profile)
	}
	return r.Go("/profile", Banner{Text: "Your details are changed"})
}
