package web

import (
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/support"
)

const consolePage = 50 // rows

// crumbs of the console's pages below the first level.
var (
	toAccounts = Link{"Accounts", "/console/accounts"}
	toStaff    = Link{"Staff", "/console/staff"}
	toJobs     = Link{"Jobs", "/console/jobs"}
)

// State is where a listed account stands, in words.
func (accountsPage) State(a account.Account) personStatus { return accountStatus(a) }

type accountsPage struct {
	Pages  pages
	List   []account.Account
	Search string
	Found  []number.Found // phone numbers that fit the search, of all accounts
	Others others         // what else fits the search
}

func (p *Portal) console(r *Request) error { return r.Redirect("/console/accounts") }

func (p *Portal) accountList(r *Request) error {
	query := r.URL.Query()
	search := query.Get("q")
	list, next, err := p.Account.Accounts(r.Context(), r.Viewer.Actor, search, query.Get("after"), consolePage)
	if err != nil {
		return err
	}
	found, err := p.findNumbers(r, search)
	if err != nil {
		return err
	}
	others, err := p.findOthers(r, search)
	if err != nil {
		return err
	}
	return r.Render("console/accounts.html", Page{Title: "Accounts", Data: accountsPage{r.pages(next), list, search, found, others}})
}

type newAccount struct {
	Name       string `form:"name"`
	Slug       string `form:"slug"`
	Number     string `form:"number"`
	TimeZone   string `form:"time_zone"`
	AdminEmail string `form:"admin_email"`
	AdminName  string `form:"admin_name"`
}

func (p *Portal) newAccount(r *Request) error {
	r.Fill(newAccount{TimeZone: zones[0]})
	return r.Render("console/new-account.html", Page{Title: "New account", Crumbs: []Link{toAccounts}, Data: zoneOptions(r.Form.Value("time_zone"))})
}

func (p *Portal) openAccount(r *Request) error {
	var in newAccount
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newAccount)
	}
	made, invitation, err := p.Account.Open(r.Context(), r.Viewer.Actor, account.NewAccount{Name: in.Name, Slug: in.Slug, Number: in.Number,
		TimeZone: in.TimeZone, AdminEmail: in.AdminEmail, AdminName: in.AdminName})
	if err != nil {
		return r.Again(err, p.newAccount)
	}
	return r.Go("/console/accounts/"+made.Slug, Banner{Text: made.Name + " is open, account number " + made.Number,
		More: "An invitation is on its way to " + invitation.Email + "."})
}

type accountPage struct {
	account.Account
	Life  string // of its invitations
	First account.FirstAdmin
	Now   int64

	Numbers []number.Number // the first of them
	Total   int             // numbers
	Used    int             // phone users

	Visit      support.Visit // the viewer's newest to this account
	VisitState support.VisitState
}

// State is where the account stands, in words.
func (a accountPage) State() personStatus { return accountStatus(a.Account) }

// Leaving reports whether the account's data is to be deleted; CanEnable whether that, or its suspension, can be taken back; CanStop
// whether it can be suspended or closed.
func (a accountPage) Leaving() bool { return a.Account.State == account.Closing }

// CanEnable is told with Leaving.
func (a accountPage) CanEnable() bool {
	return a.Account.State == account.Suspended || a.Leaving() && a.Now < a.CloseAt
}

// CanStop is told with Leaving.
func (a accountPage) CanStop() bool {
	return a.Account.State == account.Working || a.Account.State == account.Suspended
}

// Status is how far an invitation has got, in words.
func (a accountPage) Status(i account.Invitation) personStatus {
	switch i.State {
	case account.Accepted:
		return personStatus{"ok", "Accepted", "ok"}
	case account.Cancelled, account.Replaced:
		return personStatus{"", "Cancelled", "x"}
	}
	return statusOf(account.Listed{State: string(i.State), Delivery: i.Delivery, ExpiresAt: i.ExpiresAt}, time.UnixMilli(a.Now))
}

func (p *Portal) accountPage(r *Request) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	first, err := p.Account.FirstAdmin(r.Context(), r.Viewer.Actor, a.ID)
	if err != nil {
		return err
	}
	numbers, total, err := p.numbersOf(r, a)
	if err != nil {
		return err
	}
	used, _, err := p.Phones.Count(r.Context(), r.Viewer.Actor.Inside(a))
	if err != nil {
		return err
	}
	visit, visitState, err := p.ownVisit(r, a)
	if err != nil {
		return err
	}
	r.FillBeside("plan", planForm{Limit: a.PhoneUserLimit})
	return r.Render("console/account.html", Page{Title: a.Name, Section: "console/accounts", Crumbs: []Link{toAccounts},
		Data: accountPage{a, lifeWords(a.Policy.InvitationHours), first, p.Now().UnixMilli(), numbers, total, used, visit, visitState}})
}

// inviteFirstAdmin sends the first admin's invitation again, perhaps to another address.
func (p *Portal) inviteFirstAdmin(r *Request) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	sent, err := p.Account.InviteFirstAdmin(r.Context(), r.Viewer.Actor, a, account.Offer{Email: r.Posted("email"), Name: r.Posted("name")})
	if err != nil {
		return r.Again(err, p.accountPage)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: "An invitation is on its way to " + sent.Email, More: "Earlier links do not work any more."})
}

func (p *Portal) staffList(r *Request) error {
	list, err := p.Account.StaffPeople(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	return r.Render("console/staff.html", Page{Title: "Staff", Data: list})
}

func (p *Portal) newStaff(r *Request) error {
	return r.Render("console/new-staff.html", Page{Title: "Add staff", Crumbs: []Link{toStaff}})
}

// addStaff shows the one-time link in its own answer: it is in no address, no cookie and no log, and not there on a second look.
func (p *Portal) addStaff(r *Request) error {
	person, token, err := p.Account.AddStaff(r.Context(), r.Viewer.Actor, r.Posted("email"), r.Posted("name"))
	if err != nil {
		return r.Again(err, p.newStaff)
	}
	return r.Render("console/staff-link.html", Page{Title: "A link for " + person.Name, Section: "console/staff", Crumbs: []Link{toStaff},
		Data: map[string]any{"Person": person, "Link": p.BaseURL + "/password/" + token}})
}

func (p *Portal) staffPerson(r *Request) (account.Person, error) {
	list, err := p.Account.StaffPeople(r.Context(), r.Viewer.Actor)
	for _, person := range list {
		if person.ID == r.PathValue("id") {
			return person, nil
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, "no-staff", "We could not find that person")
	}
	return account.Person{}, err
}

// askRemoveStaff is the question before a colleague loses the console, as a page.
func (p *Portal) askRemoveStaff(r *Request) error {
	person, err := p.staffPerson(r)
	if err != nil {
		return err
	}
	return r.Render("console/confirm.html", Page{Title: "Remove " + person.Name + "?", Section: "console/staff", Crumbs: []Link{toStaff}, Data: removeStaff(person)})
}

func removeStaff(person account.Person) Confirm {
	return Confirm{Title: "Remove " + person.Name + "?", Text: "They will be signed out now and can't open the console any more. What they did stays in the audit log. You can add them again.",
		Path: "/console/staff/" + person.ID + "/remove", Keep: "Keep on staff", Do: "Remove from staff", Busy: "Removing…", Next: "/console/staff"}
}

func (p *Portal) removeStaff(r *Request) error {
	person, err := p.staffPerson(r)
	if err != nil {
		return err
	}
	if err := p.Account.RemoveStaff(r.Context(), r.Viewer.Actor, person.ID); err != nil {
		return r.Again(err, p.staffList)
	}
	return r.Go("/console/staff", Banner{Text: person.Name + " is removed from staff"})
}
