package web

import (
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/number"
)

const (
	accountNumbers = 100 // shown on an account's page
	findDigits     = 3   // from which on a search of accounts looks for phone numbers too
)

// numbersOf are the first numbers of an account, and how many it has.
func (p *Portal) numbersOf(r *Request, a account.Account) (list []number.Number, total int, err error) {
	inside := r.Viewer.Actor.Inside(a)
	if list, _, err = p.Numbers.List(r.Context(), inside, number.Filter{Limit: accountNumbers}); err != nil {
		return nil, 0, err
	}
	total, err = p.Numbers.Count(r.Context(), inside)
	return list, total, err
}

// findNumbers looks for phone numbers of all accounts, when what staff typed could be a part of one.
func (p *Portal) findNumbers(r *Request, search string) ([]number.Found, error) {
	if digits, ok := tel.Typed(search); !ok || len(digits) < findDigits {
		return nil, nil
	}
	return p.Numbers.Find(r.Context(), r.Viewer.Actor, search)
}

type assignForm struct {
	Number      string `form:"number"`
	ServiceName string `form:"service_name"`
}

// assignNumber gives a number to an account.
func (p *Portal) assignNumber(r *Request) error {
	var in assignForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.accountPage)
	}
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	n, err := p.Numbers.Assign(r.Context(), r.Viewer.Actor.Inside(a), in.Number, in.ServiceName)
	if err != nil {
		return r.Again(err, p.accountPage)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: r.shown(n.Number) + " belongs to " + a.Name + " now.", More: "Its admins choose where it leads."})
}

// assigned finds the number that the address names.
func (p *Portal) assigned(r *Request) (number.Number, account.Account, error) {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return number.Number{}, a, err
	}
	n, err := p.Numbers.ByNumber(r.Context(), r.Viewer.Actor.Inside(a), r.PathValue("number"))
	return n, a, err
}

// askWithdraw is the question before a customer loses a number, as a page.
func (p *Portal) askWithdraw(r *Request) error {
	n, a, err := p.assigned(r)
	if err != nil {
		return err
	}
	shown, page := r.shown(n.Number), "/console/accounts/"+a.Slug
	does := "Calls to it lead nowhere from now on"
	if n.PhoneUserID != "" {
		does = "Calls to it no longer reach " + n.Leads()
	}
	return r.Render("console/confirm.html", Page{Title: "Withdraw " + shown + "?", Section: "console/accounts", Crumbs: []Link{toAccounts, {a.Name, page}}, Data: Confirm{
		Text: does + ", and nobody shows it as caller ID or texts from it. Call records keep it. You can assign it again.",
		Path: page + "/numbers/" + n.Number + "/withdrawal", Keep: "Keep number", Do: "Withdraw number", Busy: "Withdrawing…", Next: page}})
}

func (p *Portal) withdrawNumber(r *Request) error {
	n, a, err := p.assigned(r)
	if err != nil {
		return err
	}
	if err := p.Numbers.Withdraw(r.Context(), r.Viewer.Actor.Inside(a), n.Number); err != nil {
		return r.Again(err, p.accountPage)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: r.shown(n.Number) + " is withdrawn from " + a.Name + "."})
}
