package web

import (
	"crypto/rand"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/support"
)

// ticketsPage is the page "Requests": what the account asked the provider.
type ticketsPage struct {
	Pages pages
	List  []support.Ticket
}

// ticketStatus is a ticket's state in words, as the customer and the provider see it.
func ticketStatus(s support.State) personStatus {
	switch s {
	case support.Open:
		return personStatus{"warn", "Waiting for an answer", "clock"}
	case support.Answered:
		return personStatus{"ok", "Answered", "mail"}
	}
	return personStatus{"", "Closed", "ok"}
}

// Status is the tag of a ticket.
func (ticketsPage) Status(t support.Ticket) personStatus { return ticketStatus(t.State) }

// tickets lists the account's requests to the provider.
func (p *Portal) tickets(r *Request) error {
	list, next, err := p.Support.List(r.Context(), r.Viewer.Actor, support.Filter{After: r.URL.Query().Get("after")})
	if fault.Is(err, fault.Invalid) { // a place in a list that is gone
		return r.Redirect(r.URL.Path)
	}
	if err != nil {
		return err
	}
	return r.Render("support/list.html", Page{Title: "Requests", Section: "support", Crumbs: accountCrumbs(r), Data: ticketsPage{r.pages(next), list}})
}

// ticketCrumbs lead from a page of a request back to all of them.
func ticketCrumbs(r *Request) []Link { return accountCrumbs(r, Link{"Requests", r.to("support")}) }

// formKey is what a form carries so that sending it twice does what it does once.
func (r *Request) formKey() string {
	if key := r.Form.Value("form_key"); key != "" {
		return key
	}
	return strings.ToLower(rand.Text())
}

type questionForm struct {
	Subject     string `form:"subject"`
	Description string `form:"description"`
	FormKey     string `form:"form_key,hidden"`
}

// newTicket shows the form for a request in one's own words.
func (p *Portal) newTicket(r *Request) error {
	if err := r.Viewer.Actor.Require(account.AskForChanges); err != nil {
		return err
	}
	return r.Render("support/new.html", Page{Title: "Ask " + p.Provider, Section: "support", Crumbs: ticketCrumbs(r), Data: newTicketPage{r.formKey(), "new", false}})
}

func (p *Portal) openTicket(r *Request) error {
	var in questionForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newTicket)
	}
	return p.file(r, p.newTicket, support.NewTicket{Kind: support.Question, Subject: in.Subject, Description: in.Description, FormKey: in.FormKey})
}

// newTicketPage is a form for a request in one's own words.
type newTicketPage struct {
	FormKey string
	Path    string // below support, where it posts
	Bill    bool   // about invoice details
}

// askAboutInvoice shows the form for a request about invoice details.
func (p *Portal) askAboutInvoice(r *Request) error {
	if err := r.Viewer.Actor.Require(account.AskInvoiceDetails); err != nil {
		return err
	}
	return r.Render("support/new.html", Page{Title: "Change invoice details", Section: "support", Crumbs: ticketCrumbs(r), Data: newTicketPage{r.formKey(), "invoice", true}})
}

func (p *Portal) fileInvoice(r *Request) error {
	var in questionForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.askAboutInvoice)
	}
	return p.file(r, p.askAboutInvoice, support.NewTicket{Kind: support.InvoiceDetails, Subject: in.Subject, Description: in.Description, FormKey: in.FormKey})
}

// pinPage shows a support PIN, once.
type pinPage struct {
	PIN   string // "412 907"; empty: not made yet
	Until int64
}

// pin says what a support PIN is for. Looking makes none.
func (p *Portal) pin(r *Request) error {
	return r.Render("support/pin.html", Page{Title: "Support PIN", Section: "support/pin", Crumbs: accountCrumbs(r), Data: pinPage{}})
}

// makePIN shows the digits in its own answer: they are in no address, no cookie and no log, and not there on a second look.
func (p *Portal) makePIN(r *Request) error {
	pin, until, err := p.Support.MakePIN(r.Context(), r.Viewer.Actor)
	if err != nil {
		return r.Again(err, p.pin)
	}
	return r.Render("support/pin.html", Page{Title: "Support PIN", Section: "support/pin", Crumbs: accountCrumbs(r), Data: pinPage{pin[:3] + " " + pin[3:], until}})
}

type moreForm struct {
	PhoneUsers  int    `form:"phone_users"`
	Description string `form:"description"`
	FormKey     string `form:"form_key,hidden"`
}

// morePage asks for more phone users than the plan holds.
type morePage struct {
	FormKey string
	Limit   int
	Waiting *support.Ticket // asks for it already
}

// askForMore shows the form that asks for a larger plan, or the request that does so already.
func (p *Portal) askForMore(r *Request) error {
	data := morePage{FormKey: r.formKey(), Limit: r.Viewer.Actor.Account.PhoneUserLimit}
	waiting, found, err := p.Support.LimitRequest(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	if found {
		data.Waiting = &waiting
	}
	r.Fill(moreForm{PhoneUsers: data.Limit + 1})
	return r.Render("support/more.html", Page{Title: "Ask for more phone users", Section: "support", Crumbs: ticketCrumbs(r), Data: data})
}

func (p *Portal) fileMore(r *Request) error {
	var in moreForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.askForMore)
	}
	return p.file(r, p.askForMore, support.NewTicket{Kind: support.PhoneUserLimit, Wanted: in.PhoneUsers, Description: in.Description, FormKey: in.FormKey})
}

// file opens a request and shows it.
func (p *Portal) file(r *Request, form func(*Request) error, in support.NewTicket) error {
	t, err := p.Support.Open(r.Context(), r.Viewer.Actor, in)
	if err != nil {
		return r.Again(err, form)
	}
	return r.Go(r.to("support", t.ID), Banner{Text: "Your request " + ticketNumber(t) + " is with " + p.Provider + ".",
		More: "The answer comes by email to " + t.RequesterEmail + ", and to this page."})
}

func ticketNumber(t support.Ticket) string { return strconv.FormatInt(t.Number, 10) }

// ticketPage is one request with its answers.
type ticketPage struct {
	support.Ticket
	FormKey string
	Status  personStatus
	Path    string // where answers go
	Raises  bool   // the provider may raise the plan here
	Limit   int    // of the plan
	Used    int    // of it
	Account account.Account
}

// Open reports whether the request takes more answers.
func (t ticketPage) Open() bool { return t.State != support.Closed }

// Asks is the kind of the request in words.
func (t ticketPage) Asks() string {
	switch t.Kind {
	case support.PhoneUserLimit:
		return count(t.Wanted, "phone user") + " in all"
	case support.InvoiceDetails:
		return "A change of invoice details"
	}
	return ""
}

type answerForm struct {
	Text    string `form:"text"`
	Close   bool   `form:"close"`
	FormKey string `form:"form_key,hidden"`
}

// answer is what the form means.
func (in answerForm) answer() support.Answer {
	a := support.Answer{Text: in.Text, FormKey: in.FormKey}
	if in.Close {
		a.State = support.Closed
	}
	return a
}

// ticket shows one request of the account.
func (p *Portal) ticket(r *Request) error {
	t, err := p.Support.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := ticketPage{Ticket: t, FormKey: r.formKey(), Status: ticketStatus(t.State), Path: r.to("support", t.ID)}
	return r.Render("support/ticket.html", Page{Title: "Request " + ticketNumber(t), Section: "support", Crumbs: ticketCrumbs(r), Data: data})
}

func (p *Portal) answerTicket(r *Request) error {
	var in answerForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.ticket)
	}
	t, err := p.Support.Answer(r.Context(), r.Viewer.Actor, r.PathValue("id"), in.answer())
	if err != nil {
		return r.Again(err, p.ticket)
	}
	return r.Go(r.to("support", t.ID), answered(t, p.Provider+" answers by email and on this page."))
}

// answered says what became of a request that somebody answered.
func answered(t support.Ticket, more string) Banner {
	if t.State == support.Closed {
		return Banner{Text: "Request " + ticketNumber(t) + " is closed."}
	}
	return Banner{Text: "Your answer is sent.", More: more}
}
