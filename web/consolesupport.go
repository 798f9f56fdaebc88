package web

import (
	"strconv"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/support"
)

var toRequests = Link{"Requests", "/console/requests"}

// queuePage is the provider's queue of requests of all accounts, in one state.
type queuePage struct {
	Pages  pages
	State  support.State
	Counts map[support.State]int
	List   []support.Queued
}

// Status is the tag of a ticket.
func (queuePage) Status(q support.Queued) personStatus { return ticketStatus(q.State) }

// Filters are the links above the queue.
func (q queuePage) Filters() Filters {
	f := Filters{Label: "Show"}
	for _, o := range []struct {
		state support.State
		label string
	}{{support.Open, "Waiting"}, {support.Answered, "Answered"}, {support.Closed, "Closed"}} {
		f.Options = append(f.Options, Option{Label: o.label, Count: q.Counts[o.state], Path: "/console/requests?status=" + string(o.state), Current: q.State == o.state})
	}
	return f
}

func (p *Portal) ticketQueue(r *Request) error {
	query := r.URL.Query()
	data := queuePage{State: support.State(query.Get("status"))}
	if data.State != support.Answered && data.State != support.Closed { // what no list knows counts as not asked for
		data.State = support.Open
	}
	list, next, err := p.Support.Queue(r.Context(), r.Viewer.Actor, support.Filter{State: data.State, After: query.Get("after")})
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(r.URL.Path + "?status=" + string(data.State))
	}
	if err != nil {
		return err
	}
	if data.Counts, err = p.Support.Waiting(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	data.Pages, data.List = r.pages(next), list
	return r.Render("console/requests.html", Page{Title: "Requests", Data: data})
}

// queued finds the request that the address names, and the account it belongs to.
func (p *Portal) queued(r *Request) (support.Ticket, account.Account, error) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return support.Ticket{}, account.Account{}, fault.New(fault.NotFound, "no-page", "We could not find that page")
	}
	return p.Support.ByNumber(r.Context(), r.Viewer.Actor, number)
}

// queuedTicket shows a request to the provider, with the roles that its requester held when asking.
func (p *Portal) queuedTicket(r *Request) error {
	t, a, err := p.queued(r)
	if err != nil {
		return err
	}
	used, _, err := p.Phones.Count(r.Context(), r.Viewer.Actor.Inside(a))
	if err != nil {
		return err
	}
	raise := t.Kind == support.PhoneUserLimit && t.State != support.Closed
	r.FillBeside("limit", raiseForm{Limit: t.Wanted})
	data := ticketPage{Ticket: t, FormKey: r.formKey(), Status: ticketStatus(t.State), Path: "/console/requests/" + ticketNumber(t), Raises: raise, Limit: a.PhoneUserLimit, Used: used, Account: a}
	return r.Render("console/request.html", Page{Title: "Request " + ticketNumber(t), Section: "console/requests", Crumbs: []Link{toRequests}, Data: data})
}

func (p *Portal) answerAsProvider(r *Request) error {
	var in answerForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.queuedTicket)
	}
	t, a, err := p.queued(r)
	if err != nil {
		return err
	}
	if t, err = p.Support.Answer(r.Context(), r.Viewer.Actor.Inside(a), t.ID, in.answer()); err != nil {
		return r.Again(err, p.queuedTicket)
	}
	return r.Go("/console/requests/"+ticketNumber(t), answered(t, t.RequesterName+" gets it by email."))
}

type raiseForm struct {
	Limit   int    `form:"phone_user_limit"`
	Reply   string `form:"reply"`
	FormKey string `form:"form_key,hidden"`
}

// raiseLimit gives the account more phone users and answers the request with it.
func (p *Portal) raiseLimit(r *Request) error {
	var in raiseForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.queuedTicket)
	}
	t, a, err := p.queued(r)
	if err != nil {
		return err
	}
	if t, err = p.Support.RaiseLimit(r.Context(), r.Viewer.Actor.Inside(a), t.ID, support.Raise{Limit: in.Limit, Text: in.Reply, FormKey: in.FormKey}); err != nil {
		return r.Again(renamed(err, "text", "reply"), p.queuedTicket)
	}
	return r.Go("/console/requests/"+ticketNumber(t), Banner{Text: "The plan of " + a.Name + " now holds " + count(in.Limit, "phone user") + ".",
		More: t.RequesterName + " is told by email. Request " + ticketNumber(t) + " is closed."})
}

// renamed points what is wrong with a room's field to the control that this page has for it.
func renamed(err error, field, control string) error {
	f, ok := fault.Of(err)
	if !ok || f.Field != field {
		return err
	}
	pointed := *f
	pointed.Field = control
	return &pointed
}

type planForm struct {
	Limit int `form:"phone_user_limit"`
}

// changePlan sets how many phone users an account's plan holds.
func (p *Portal) changePlan(r *Request) error {
	var in planForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.accountPage)
	}
	a, err := p.Account.BySlug(r.Context(), r.Viewer.Actor, r.PathValue("slug"))
	if err != nil {
		return err
	}
	before := a.PhoneUserLimit
	if a, err = p.Account.SetPhoneUserLimit(r.Context(), r.Viewer.Actor, a.ID, in.Limit); err != nil {
		return r.Again(err, p.accountPage)
	}
	if a.PhoneUserLimit == before {
		return r.Go("/console/accounts/"+a.Slug, Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."})
	}
	return r.Go("/console/accounts/"+a.Slug, Banner{Text: "The plan of " + a.Name + " now holds " + count(a.PhoneUserLimit, "phone user") + " (was " + thousands(before) + ")."})
}

// pinCheck shows staff the form for a caller's support PIN.
func (p *Portal) pinCheck(r *Request) error {
	return r.Render("console/pin.html", Page{Title: "Support PIN", Section: "console/pin"})
}

// usePIN shows who reads a PIN out. It is used up, so the answer can't be looked at again.
func (p *Portal) usePIN(r *Request) error {
	var in struct {
		PIN string `form:"pin"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.pinCheck)
	}
	caller, err := p.Support.UsePIN(r.Context(), r.Viewer.Actor, in.PIN)
	if err != nil {
		return r.Again(err, p.pinCheck)
	}
	r.Form = &Form{}
	return r.Render("console/pin.html", Page{Title: "Support PIN", Section: "console/pin", Data: caller})
}
