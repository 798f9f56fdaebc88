// Package support holds what customers ask of the provider: requests with their answers, and the one thing that staff do for a request in
// the same breath, raising the plan. It knows no pages and no phones.
package support

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/base/seal"
	"hubline/product/account"
)

// Bounds of what an account may ask.
const (
	TextMost    = 2000 // characters of a description or an answer
	subjectMost = 120
	openMost    = 20  // requests of one account that wait for the provider
	dailyMost   = 100 // requests of one account in 24 hours
	answersMost = 200 // of one request
)

// firstNumber is the number of the installation's first request.
const firstNumber = 1001

// Config is what a Room needs from the outside.
type Config struct {
	DB      *db.DB
	Jobs    *job.Queue
	Keys    *seal.Ring
	Account *account.Room
	Mail    interface {
		Send(context.Context, mail.Message) error
	}
	Log      *slog.Logger     // nil: discarded
	Now      func() time.Time // nil: time.Now
	BaseURL  string           // origin of every link, without a slash at the end
	Provider mail.Provider    // who signs the mails and, to customers, the answers
}

// Room is the room "support". Its verbs are safe for use by many goroutines.
type Room struct {
	Config
}

// New returns the room and registers its jobs.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Room{Config: c}
	job.Handle(r.Jobs, letterMail, r.sendLetter, job.Attempts(12))
	r.Account.Visiting = r.visiting
	return r
}

// Kind says what a ticket is about.
type Kind string

// The kinds of tickets. Of PhoneUserLimit an account has at most one that is not closed.
const (
	PhoneUserLimit Kind = "phone-user-limit"
	Question       Kind = "question"
	InvoiceDetails Kind = "invoice-details" // what stands on invoices and who gets them
)

// permission is what a role needs for requests of the kind (product.md 3.2): services are the admins', bills are of those with billing.
func (k Kind) permission() account.Permission {
	if k == InvoiceDetails {
		return account.AskInvoiceDetails
	}
	return account.AskForChanges
}

// sees tells whether the actor may know of requests of the kind. Keys and people go by their roles; the provider knows all.
func (k Kind) sees(actor account.Actor) bool {
	return actor.Provider() || actor.Kind == account.Visitor || actor.Roles.Allows(k.permission())
}

// mayAskFor refuses a kind of request that the actor's roles do not cover, and says who can make it (row A07).
func (r *Room) mayAskFor(ctx context.Context, actor account.Actor, k Kind) error {
	if k.sees(actor) && actor.Kind != account.Visitor {
		return nil
	}
	if k == InvoiceDetails {
		return fault.New(fault.Forbidden, "role-missing", "Only people with Billing access can ask for changes of invoice details")
	}
	names, err := r.Account.Admins(ctx, actor)
	if err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "role-missing", "Only account admins can ask for this. Ask "+strings.Join(names, " or "))
}

// State is where a ticket stands.
type State string

// The states of a ticket. Closed is final.
const (
	Open     State = "open"     // waits for the provider
	Answered State = "answered" // waits for the customer
	Closed   State = "closed"
)

// Ticket is one request of an account to the provider.
type Ticket struct {
	ID             string
	AccountID      string
	Number         int64 // what people call it by; unique in the installation
	Kind           Kind
	Subject        string
	Description    string
	Wanted         int // PhoneUserLimit: how many phone users the plan is to hold
	State          State
	RequesterID    string // as a hub user of the account
	RequesterName  string
	RequesterEmail string
	RequesterRoles account.Roles // at the moment of asking
	CreatedAt      int64
	UpdatedAt      int64
	Version        int64
	Messages       []Message // oldest first; lists leave them out
}

// Message is one answer, of either side.
type Message struct {
	ID       string
	At       int64
	Staff    bool   // by the provider
	AuthorID string // "" to customers when Staff
	Author   string // to customers the provider's name when Staff
	Text     string
}

// NewTicket is what a customer asks.
type NewTicket struct {
	Kind        Kind
	Subject     string // Question and InvoiceDetails; the other has one of its own
	Description string // PhoneUserLimit: may be empty
	Wanted      int    // PhoneUserLimit only
	FormKey     string // the same key of the same person makes one ticket; "" always makes one
}

// Answer is what either side adds to a ticket. Without a text it only closes it.
type Answer struct {
	Text    string
	State   State  // "" for the usual one: Open from the customer, Answered from the provider
	FormKey string // as in NewTicket
	Version int64  // of the ticket that was seen; 0 skips that check
}

// Open files a request with who asks and which roles they hold at this moment. The requester gets a mail with its number.
func (r *Room) Open(ctx context.Context, actor account.Actor, in NewTicket) (t Ticket, err error) {
	defer fault.Wrap(&err, "support.Open")
	if err := actor.Require(account.OpenTickets); err != nil {
		return t, err
	}
	if in, err = in.check(); err != nil {
		return t, err
	}
	if err := r.mayAskFor(ctx, actor, in.Kind); err != nil {
		return t, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Account.Still(ctx, q, &actor, account.OpenTickets); err != nil {
			return err
		}
		if !actor.Roles.Allows(in.Kind.permission()) { // lost a moment ago
			return fault.New(fault.Forbidden, "role-missing", "You need "+in.Kind.permission().Holder()+" access")
		}
		same, found, err := r.byForm(ctx, q, actor, in.FormKey)
		if err != nil || found {
			t = same
			return err
		}
		if err := r.mayOpen(ctx, q, actor, in); err != nil {
			return err
		}
		t, err = r.file(ctx, q, actor, in)
		return err
	})
	return t, err
}

func (in NewTicket) check() (NewTicket, error) {
	var subject, text, kind *fault.Fault
	switch in.Kind {
	case PhoneUserLimit:
		in.Description, text = typed("description", "Reason", in.Description)
	case Question, InvoiceDetails:
		in.Wanted = 0
		in.Subject = strings.Join(strings.Fields(in.Subject), " ")
		if in.Subject, subject = typed("subject", "Subject", in.Subject); subject == nil {
			switch n := utf8.RuneCountInString(in.Subject); {
			case n == 0:
				subject = fault.Field("subject-empty", "subject", "Enter a subject: what it is about in a few words")
			case n > subjectMost:
				subject = fault.Field("subject-long", "subject", "Subject must be "+strconv.Itoa(subjectMost)+" characters or fewer. It has "+strconv.Itoa(n))
			}
		}
		if in.Description, text = typed("description", "Description", in.Description); text == nil && in.Description == "" {
			text = fault.Field("text-empty", "description", "Enter a description: what you need, and for which user or number")
		}
	default:
		kind = fault.Field("ticket-kind", "kind", "Choose a kind: "+string(PhoneUserLimit)+", "+string(Question)+" or "+string(InvoiceDetails))
	}
	in.FormKey = plainKey(in.FormKey)
	return in, fault.All(kind, subject, text)
}

// plainKey drops a form's key that is none of ours: whoever sends such a one gets no protection from sending twice.
func plainKey(key string) string {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(key) > 64 {
		return ""
	}
	return key
}

// typed cleans a text of several lines that somebody wrote.
func typed(field, label, text string) (string, *fault.Fault) {
	text = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return text, fault.Field("text-characters", field, label+" has a character that can't be shown. Type it again without it")
	}
	if n := utf8.RuneCountInString(text); n > TextMost {
		return text, fault.Field("text-long", field, label+" must be 2,000 characters or fewer. It has "+strconv.Itoa(n))
	}
	return text, nil
}

// unprintable reports controls and the invisible format characters that turn text around.
func unprintable(c rune) bool {
	if c == '\n' || c == '\t' {
		return false
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) && c != '\u200d' && c != '\u200c' || c == utf8.RuneError
}

// mayOpen holds the bounds: one open request for more phone users, so many that wait, so many a day.
func (r *Room) mayOpen(ctx context.Context, q db.Q, actor account.Actor, in NewTicket) error {
	if in.Kind == PhoneUserLimit {
		if has := actor.Account.PhoneUserLimit; in.Wanted <= has || in.Wanted > account.MostPhoneUsers {
			return fault.Field("wanted-range", "phone_users", "Your plan holds "+strconv.Itoa(has)+" phone users. Enter how many you need in all, up to "+strconv.Itoa(account.MostPhoneUsers))
		}
		waiting, found, err := r.limitRequest(ctx, q, actor.Account.ID)
		if err != nil {
			return err
		}
		if found {
			return fault.New(fault.Conflict, "limit-request-open", "Request "+waiting.label()+" already asks for more phone users. Add to that one")
		}
	}
	waiting, today, err := r.counts(ctx, q, actor.Account.ID, r.now()-(24*time.Hour).Milliseconds())
	switch {
	case err != nil:
		return err
	case waiting >= openMost:
		return fault.New(fault.Conflict, "tickets-waiting", "Your account has "+strconv.Itoa(openMost)+" requests that wait for an answer. Close one that has settled, or wait for answers")
	case today >= dailyMost:
		return fault.New(fault.Conflict, "tickets-daily", "Your account made "+strconv.Itoa(dailyMost)+" requests in a day. Add to one that is open, or ask again tomorrow")
	}
	return nil
}

func (r *Room) file(ctx context.Context, q db.Q, actor account.Actor, in NewTicket) (t Ticket, err error) {
	now := r.now()
	t = Ticket{ID: ident.New(), AccountID: actor.Account.ID, Kind: in.Kind, Subject: in.Subject, Description: in.Description, Wanted: in.Wanted, State: Open,
		RequesterID: actor.MembershipID, RequesterName: actor.Signature(), RequesterEmail: actor.Email, RequesterRoles: actor.Roles, CreatedAt: now, UpdatedAt: now, Version: 1}
	if in.Kind == PhoneUserLimit {
		t.Subject = "More phone users: " + strconv.Itoa(in.Wanted) + " instead of " + strconv.Itoa(actor.Account.PhoneUserLimit)
	}
	if t.Number, err = r.insert(ctx, q, t, in.FormKey); err != nil {
		return t, err
	}
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.TicketOpened, SubjectID: t.ID, SubjectName: t.label(), After: t.Subject}); err != nil {
		return t, err
	}
	if err := r.tell(ctx, q, actor.Account, letter{Kind: letterOpened, TicketID: t.ID}); err != nil {
		return t, err
	}
	return t, r.Account.Notice(ctx, q, t.AccountID)
}

// label is what people call the ticket by.
func (t Ticket) label() string { return strconv.FormatInt(t.Number, 10) }

// Answer adds a text or closes the ticket. Staff answer Inside the account; the requester is told by mail.
func (r *Room) Answer(ctx context.Context, actor account.Actor, id string, in Answer) (t Ticket, err error) {
	defer fault.Wrap(&err, "support.Answer")
	if in, err = in.check(actor.Provider()); err != nil {
		return t, err
	}
	return r.change(ctx, actor, id, in.FormKey, func(ctx context.Context, q db.Q, actor account.Actor, t *Ticket) error {
		if in.Version != 0 && in.Version != t.Version {
			return fault.New(fault.Changed, "changed-meanwhile", "Somebody changed this since you opened it. Look at it again, then make your change")
		}
		if in.Text == "" && t.State == in.State { // it is closed
			return nil
		}
		if err := t.takesMore(); err != nil {
			return err
		}
		return r.add(ctx, q, actor, t, in, letter{Kind: letterAnswered})
	})
}

func (in Answer) check(provider bool) (Answer, error) {
	var state *fault.Fault
	usual := Open
	if provider {
		usual = Answered
	}
	switch in.State {
	case "":
		in.State = usual
	case usual, Closed:
	default:
		state = fault.Field("ticket-state", "state", "Choose a state: "+string(usual)+" or "+string(Closed))
	}
	clean, text := typed("text", "Answer", in.Text)
	if in.Text = clean; text == nil && clean == "" && in.State != Closed {
		text = fault.Field("text-empty", "text", "Enter an answer")
	}
	in.FormKey = plainKey(in.FormKey)
	return in, fault.All(text, state)
}

// change runs do on a ticket, unless the form that asks for it has done so before. It answers with what somebody who may read sees.
func (r *Room) change(ctx context.Context, actor account.Actor, id, formKey string, do func(context.Context, db.Q, account.Actor, *Ticket) error) (t Ticket, err error) {
	if err := may(actor, account.OpenTickets); err != nil {
		return t, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.still(ctx, q, &actor); err != nil {
			return err
		}
		if t, err = r.ticket(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if !t.Kind.sees(actor) {
			return notFound()
		}
		done, err := r.answeredByForm(ctx, q, actor, t, formKey)
		if err != nil || done {
			return err
		}
		return do(ctx, q, actor, &t)
	})
	if err != nil || may(actor, account.ViewTickets) != nil {
		return t, err
	}
	return r.read(ctx, actor, id)
}

// still reads the actor's rights and account again inside the transaction.
func (r *Room) still(ctx context.Context, q db.Q, actor *account.Actor) error {
	err := r.Account.Still(ctx, q, actor, account.OpenTickets)
	if actor.Provider() && fault.Is(err, fault.Forbidden) {
		return nil // staff hold no role in the account, which Still has read
	}
	return err
}

// takesMore refuses what is closed.
func (t Ticket) takesMore() error {
	if t.State == Closed {
		return fault.New(fault.Conflict, "ticket-closed", "Request "+t.label()+" is closed. Open a new one and name its number")
	}
	return nil
}

// add writes an answer with everything that belongs to it.
func (r *Room) add(ctx context.Context, q db.Q, actor account.Actor, t *Ticket, in Answer, l letter) error {
	before := t.State
	m := Message{At: r.now(), Staff: actor.Provider(), AuthorID: actor.PersonID, Author: actor.Signature(), Text: in.Text}
	if m.Text != "" {
		full, err := r.insertMessage(ctx, q, t, &m, in.FormKey)
		if err != nil {
			return err
		}
		if full {
			return fault.New(fault.Conflict, "ticket-full", "Request "+t.label()+" has "+strconv.Itoa(answersMost)+" answers. Open a new one and name its number")
		}
	}
	t.State = in.State
	if err := r.save(ctx, q, t, m.At); err != nil {
		return err
	}
	entry := account.Entry{Action: account.TicketAnswered, SubjectID: t.ID, SubjectName: t.label(), Before: string(before), After: string(t.State)}
	if t.State == Closed {
		entry.Action = account.TicketClosed
	}
	if err := r.Account.Record(ctx, q, actor, entry); err != nil {
		return err
	}
	if m.Staff {
		l.TicketID, l.MessageID, l.State = t.ID, m.ID, t.State
		if err := r.tell(ctx, q, actor.Account, l); err != nil {
			return err
		}
	}
	return r.Account.Notice(ctx, q, t.AccountID)
}

// ByID returns a ticket of the actor's account with its answers.
func (r *Room) ByID(ctx context.Context, actor account.Actor, id string) (t Ticket, err error) {
	defer fault.Wrap(&err, "support.ByID")
	if err := may(actor, account.ViewTickets); err != nil {
		return t, err
	}
	return r.read(ctx, actor, id)
}

func (r *Room) read(ctx context.Context, actor account.Actor, id string) (t Ticket, err error) {
	if t, err = r.ticket(ctx, r.DB, actor.Account.ID, id); err != nil {
		return t, err
	}
	if !t.Kind.sees(actor) {
		return Ticket{}, notFound()
	}
	if t.Messages, err = r.messages(ctx, t); err != nil || actor.Provider() {
		return t, err
	}
	for i := range t.Messages {
		if m := &t.Messages[i]; m.Staff {
			m.AuthorID, m.Author = "", r.Provider.Name
		}
	}
	return t, nil
}

// LimitRequest returns the account's request for more phone users that is not closed, if there is one.
func (r *Room) LimitRequest(ctx context.Context, actor account.Actor) (t Ticket, found bool, err error) {
	defer fault.Wrap(&err, "support.LimitRequest")
	if err := may(actor, account.ViewTickets); err != nil {
		return t, false, err
	}
	if !PhoneUserLimit.sees(actor) {
		return t, false, nil
	}
	return r.limitRequest(ctx, r.DB, actor.Account.ID)
}

// Filter chooses tickets of an account. The zero value chooses all. Limit 0 means 50; at most 500.
type Filter struct {
	State State // "" for all
	After string
	Limit int
}

// List returns tickets of the actor's account, the last changed first, and the cursor of the next page or "".
func (r *Room) List(ctx context.Context, actor account.Actor, f Filter) (list []Ticket, next string, err error) {
	defer fault.Wrap(&err, "support.List")
	if err := may(actor, account.ViewTickets); err != nil {
		return nil, "", err
	}
	if f.State != "" {
		if err := f.State.check(); err != nil {
			return nil, "", err
		}
	}
	return r.list(ctx, actor, f)
}

func (s State) check() error {
	switch s {
	case Open, Answered, Closed:
		return nil
	}
	return fault.Field("ticket-state", "state", "Choose a state: open, answered or closed")
}

// may lets the provider in; its actors stand Inside the account they act for, so that others' tickets are not found.
func may(actor account.Actor, p account.Permission) error {
	switch {
	case actor.Provider() && actor.Account.ID == "":
		return notFound()
	case actor.Provider():
		return nil
	}
	return actor.Require(p)
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

func (r *Room) now() int64 { return r.Now().UnixMilli() }
