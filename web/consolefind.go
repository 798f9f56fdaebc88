package web

import (
	"slices"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/phoneuser"
	"hubline/product/support"
)

// foundUser is a phone user whom staff found by an account and an extension.
type foundUser struct {
	phoneuser.User
	Slug, AccountName string
}

// others are what the console's search finds beside accounts and phone numbers.
type others struct {
	People     []account.Person
	PhoneUsers []foundUser
	Tickets    []support.Queued
}

// Any reports whether there is something.
func (o others) Any() bool { return len(o.People)+len(o.PhoneUsers)+len(o.Tickets) > 0 }

// findOthers looks for a person by email address, a request by its number, and a phone user by account and extension: "harbour 101".
func (p *Portal) findOthers(r *Request, search string) (found others, err error) {
	actor := r.Viewer.Actor
	if found.People, err = p.Account.FindPeople(r.Context(), actor, search); err != nil {
		return found, err
	}
	words := strings.Fields(search)
	if len(words) == 1 {
		number, err := strconv.ParseInt(strings.TrimPrefix(words[0], "#"), 10, 64)
		if err != nil {
			return found, nil
		}
		t, a, err := p.Support.ByNumber(r.Context(), actor, number)
		if err == nil {
			found.Tickets = []support.Queued{{Ticket: t, Slug: a.Slug, AccountName: a.Name, AccountNumber: a.Number}}
		}
		return found, notFoundIsNone(err)
	}
	if len(words) < 2 || !phoneuser.IsExtension(words[len(words)-1]) {
		return found, nil
	}
	list, _, err := p.Account.Accounts(r.Context(), actor, strings.Join(words[:len(words)-1], " "), "", 5)
	if err != nil {
		return found, err
	}
	for _, a := range list {
		u, err := p.Phones.ByExtension(r.Context(), a.ID, words[len(words)-1])
		if err == nil {
			found.PhoneUsers = append(found.PhoneUsers, foundUser{u, a.Slug, a.Name})
		} else if err = notFoundIsNone(err); err != nil {
			return found, err
		}
	}
	return found, nil
}

func notFoundIsNone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// personPage is a person as staff see them.
type personPage struct {
	account.Person
	Places   []account.Place
	Recovery *recoveryCard // for somebody with a second factor
}

// Status is a membership's state in words.
func (personPage) Status(at account.Place) personStatus {
	switch {
	case at.AccountState != account.Working:
		return accountStatus(account.Account{State: at.AccountState})
	case at.State == account.Active:
		return personStatus{"ok", "Active", "ok"}
	case at.State == account.Deactivated:
		return personStatus{"warn", "Deactivated", "lock"}
	}
	return personStatus{"", "Removed", "x"}
}

// person shows staff where somebody belongs.
func (p *Portal) person(r *Request) error {
	who, places, err := p.Account.PersonAt(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := personPage{Person: who, Places: places}
	if slices.ContainsFunc(places, func(at account.Place) bool { return at.SecondFactor && at.State != account.Removed }) {
		rec, err := p.Account.RecoveryOf(r.Context(), r.Viewer.Actor, who.ID)
		if err != nil {
			return err
		}
		here := "/console/people/" + who.ID
		data.Recovery = &recoveryCard{rec, here + "/recovery", here + "/recovery/stop"}
	}
	return r.Render("console/person.html", Page{Title: who.Email, Section: "console/accounts", Crumbs: []Link{toAccounts}, Data: data})
}
