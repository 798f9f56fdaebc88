package web

import (
	"time"

	"hubline/product/account"
)

// accountStatus is an account's state in words; nothing for one that works.
func accountStatus(a account.Account) personStatus {
	switch a.State {
	case account.Suspended:
		return personStatus{"bad", "Suspended", "lock"}
	case account.Closing:
		return personStatus{"warn", "Closing", "clock"}
	case account.Closed:
		return personStatus{"", "Closed", "x"}
	}
	return personStatus{"ok", "Active", "ok"}
}

// statePage asks before an account stops.
type statePage struct {
	account.Account
	Until int64  // closing: when its data would be deleted
	Grace string // closing: how long until then
}

// askSuspend says what suspending does, and asks for the reason.
func (p *Portal) askSuspend(r *Request) error {
	return p.askStop(r, "console/suspend.html", "Suspend ")
}

// askClose says what closing does, and asks for the reason and the account's number.
func (p *Portal) askClose(r *Request) error { return p.askStop(r, "console/close.html", "Close ") }

func (p *Portal) askStop(r *Request, page, verb string) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	grace := p.Account.CloseGrace
	return r.Render(page, Page{Title: verb + a.Name + "?", Section: "console/accounts", Crumbs: []Link{toAccounts, {a.Name, "/console/accounts/" + a.Slug}},
		Data: statePage{a, p.Now().Add(grace).UnixMilli(), count(int(grace/(24*time.Hour)), "day")}})
}

type stopForm struct {
	Reason string `form:"reason"`
	Typed  string `form:"typed"`
}

func (p *Portal) suspendAccount(r *Request) error {
	var in stopForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.askSuspend)
	}
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if a, err = p.Account.Suspend(r.Context(), r.Viewer.Actor, a.ID, in.Reason); err != nil {
		return r.Again(err, p.askSuspend)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Kind: "info", Text: a.Name + " is suspended.", More: "Its admins are told by email. 000 and 112 still go out."})
}

func (p *Portal) closeAccount(r *Request) error {
	var in stopForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.askClose)
	}
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if a, err = p.Account.Close(r.Context(), r.Viewer.Actor, a.ID, in.Typed, in.Reason); err != nil {
		return r.Again(err, p.askClose)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Kind: "info", Text: a.Name + " is being closed.", More: "Its admins are told by email. You can keep it until its data is deleted."})
}

// enableAccount lets a suspended or closing account work again.
func (p *Portal) enableAccount(r *Request) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if a, err = p.Account.Enable(r.Context(), r.Viewer.Actor, a.ID); err != nil {
		return r.Again(err, p.accountPage)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: a.Name + " works again.", More: "Its admins are told by email. Phones sign in again by themselves."})
}
