package web

import (
	"strconv"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/support"
)

// visitsPage is the page "Let support in": who of the staff asks, who can see the account, and what is allowed ahead of time.
type visitsPage struct {
	List  []support.Visit // newest first
	Grant support.Grant
	Open  bool // Grant stands
	At    time.Time
}

// Asking, Inside and Past are the visits of the list in each state.
func (v visitsPage) Asking() []support.Visit { return v.only(support.VisitAsked) }

// Inside lists those that go on.
func (v visitsPage) Inside() []support.Visit { return v.only(support.VisitAllowed) }

// Past lists those that are over.
func (v visitsPage) Past() []support.Visit {
	return append(v.only(support.VisitRefused), v.only(support.VisitEnded)...)
}

func (v visitsPage) only(state support.VisitState) (list []support.Visit) {
	for _, visit := range v.List {
		if visit.Now(v.At) == state {
			list = append(list, visit)
		}
	}
	return list
}

// Status is the tag of a visit that is over.
func (v visitsPage) Status(visit support.Visit) personStatus {
	switch {
	case visit.State == support.VisitRefused:
		return personStatus{"", "Refused", "x"}
	case visit.AnsweredAt == 0 && visit.EndedAt == 0:
		return personStatus{"", "Not answered in a day", "clock"}
	case visit.AnsweredAt == 0:
		return personStatus{"", "Taken back", "x"}
	}
	return personStatus{"", "Over", "ok"}
}

// visits shows the page "Let support in".
func (p *Portal) visits(r *Request) error {
	data := visitsPage{At: p.Now()}
	var err error
	if data.List, _, err = p.Support.Visits(r.Context(), r.Viewer.Actor, "", 0); err != nil {
		return err
	}
	if data.Grant, data.Open, err = p.Support.VisitGrant(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	r.FillBeside("hours", grantForm{Hours: 4})
	return r.Render("support/visits.html", Page{Title: "Let support in", Section: "support/visits", Crumbs: accountCrumbs(r), Data: data})
}

// answerVisit lets a person of the staff in, or refuses. Whatever is not clearly a yes is a no.
func (p *Portal) answerVisit(r *Request) error {
	v, err := p.Support.AnswerVisit(r.Context(), r.Viewer.Actor, r.PathValue("id"), r.Posted("answer") == "allow", r.Posted("change") == "on")
	if err != nil {
		return r.Again(err, p.visits)
	}
	done := Banner{Kind: "info", Text: v.StaffName + " was not let in."}
	if v.State == support.VisitAllowed {
		done = Banner{Text: v.StaffName + " can see this account now.", More: "You can end it at any moment. What they change stands in the audit log."}
	}
	return r.Go(r.to("support", "visits"), done)
}

// endVisit ends a visit from the account's side.
func (p *Portal) endVisit(r *Request) error {
	v, err := p.Support.EndVisit(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return r.Again(err, p.visits)
	}
	return r.Go(r.to("support", "visits"), Banner{Text: v.StaffName + " can't see this account any more."})
}

type grantForm struct {
	Hours  int  `form:"hours"`
	Change bool `form:"ahead_change"`
}

// grantVisits lets staff in ahead of time.
func (p *Portal) grantVisits(r *Request) error {
	var in grantForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.visits)
	}
	if _, err := p.Support.GrantVisits(r.Context(), r.Viewer.Actor, in.Hours, in.Change); err != nil {
		return r.Again(err, p.visits)
	}
	return r.Go(r.to("support", "visits"), Banner{Text: "Staff of " + p.Provider + " can come in for " + count(in.Hours, "hour") + ".", More: "You get an email when somebody does, and every page says so."})
}

// endGrant takes back what was allowed ahead of time.
func (p *Portal) endGrant(r *Request) error {
	if err := p.Support.EndVisitGrant(r.Context(), r.Viewer.Actor); err != nil {
		return r.Again(err, p.visits)
	}
	return r.Go(r.to("support", "visits"), Banner{Text: "Staff have to ask again before they can come in."})
}

// Visit is one person of the staff who can see the account of this page, as every page of it says.
type Visit struct {
	Who, Until string
	Change     bool
	End        string // where the button posts that ends it; "" for who may not
	Own        bool   // the viewer is that person
}

// Visits tells who of the staff can see this account: to the staff person that it is them, to the account's people who it is.
func (v *View) Visits() (list []Visit, err error) {
	if v.Account == nil {
		return nil, nil
	}
	actor := v.Viewer.Actor
	if actor.Kind == account.Visitor {
		return []Visit{{Who: actor.Name, Until: clock(time.UnixMilli(actor.Visit.UntilAt).In(v.zone)), Change: actor.Visit.Change, Own: true,
			End: "/console/accounts/" + v.Account.Slug + "/visit/end"}}, nil
	}
	if v.portal.Support == nil || !actor.Can(account.ViewHome) {
		return nil, nil
	}
	visits, err := v.portal.Support.Visitors(v.ctx, actor)
	for _, visit := range visits {
		one := Visit{Who: visit.StaffName, Until: clock(time.UnixMilli(visit.UntilAt).In(v.zone)), Change: visit.Change}
		if actor.Can(account.LetStaffIn) {
			one.End = v.URL("support", "visits", visit.ID, "end")
		}
		list = append(list, one)
	}
	return list, err
}

// Visiting reports whether a person of the staff looks at an account that let them in. Such pages look like the console's.
func (v *View) Visiting() bool { return v.Viewer != nil && v.Viewer.Actor.Kind == account.Visitor }

// ownVisit is where a staff person stands with an account.
func (p *Portal) ownVisit(r *Request, a account.Account) (v support.Visit, state support.VisitState, err error) {
	list, _, err := p.Support.Visits(r.Context(), r.Viewer.Actor.Inside(a), "", 1)
	if err != nil || len(list) == 0 {
		return v, "", err
	}
	return list[0], list[0].Now(p.Now()), nil
}

// visitLengths are the choices of how long a visit lasts.
var visitLengths = []Option{{Value: "15", Label: "15 minutes"}, {Value: "30", Label: "30 minutes"}, {Value: "60", Label: "1 hour"}, {Value: "120", Label: "2 hours"},
	{Value: "240", Label: "4 hours"}, {Value: "480", Label: "8 hours"}}

type visitForm struct {
	Reason  string `form:"reason"`
	Ticket  string `form:"ticket"`
	Minutes int    `form:"minutes"`
	Change  bool   `form:"change"`
}

// askForVisit shows staff the form that asks an account's admins to let them in.
func (p *Portal) askForVisit(r *Request) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	r.Fill(visitForm{Minutes: 30, Ticket: r.URL.Query().Get("ticket")})
	return r.Render("console/visit.html", Page{Title: "View as " + a.Name + "?", Section: "console/accounts",
		Crumbs: []Link{toAccounts, {a.Name, "/console/accounts/" + a.Slug}}, Data: map[string]any{"Account": a, "Lengths": visitLengths}})
}

func (p *Portal) sendVisit(r *Request) error {
	var in visitForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.askForVisit)
	}
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	v, err := p.Support.AskVisit(r.Context(), r.Viewer.Actor.Inside(a), support.VisitRequest{Reason: in.Reason, Ticket: in.Ticket, Minutes: in.Minutes, Change: in.Change})
	if err != nil {
		return r.Again(err, p.askForVisit)
	}
	if v.State == support.VisitAllowed {
		return r.Go("/"+a.Slug+"/", Banner{Text: "You can see " + a.Name + " now.", More: "Its admins let staff in ahead of time. They are told by email, and every page of theirs says so."})
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: "The admins of " + a.Name + " are asked by email.", More: "You can open its pages as soon as one of them allows it."})
}

// endOwnVisit ends a staff person's own visit, or takes back the wish for one.
func (p *Portal) endOwnVisit(r *Request) error {
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	v, state, err := p.ownVisit(r, a)
	if err != nil {
		return err
	}
	if state != support.VisitAsked && state != support.VisitAllowed {
		return fault.New(fault.Conflict, "visit-over", "That visit is over already")
	}
	if _, err := p.Support.EndVisit(r.Context(), r.Viewer.Actor.Inside(a), v.ID); err != nil {
		return r.Again(err, p.accountPage)
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: "You can't see " + a.Name + " any more."})
}

func visitSpan(minutes int) string {
	for _, o := range visitLengths {
		if o.Value == strconv.Itoa(minutes) {
			return o.Label
		}
	}
	return count(minutes, "minute")
}
