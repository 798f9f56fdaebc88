package account

import (
	"context"
	"strings"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/mail"
)

// State is where an account stands. Every door asks for it with the rights of each request, and phones with each call.
type State string

// The states of an account (product.md section 14).
const (
	Working   State = "active"
	Suspended State = "suspended" // nobody gets in and phones are silent until staff enable it again
	Closing   State = "closing"   // the same; its data is deleted at CloseAt, and until then staff can take it back
	Closed    State = "closed"    // for good
)

// Works reports whether the account's people, programs and phones may use it.
func (a Account) Works() bool { return a.State == Working }

// stopped is the fault that everybody of an account that does not work gets, nil for one that works. It says whom to ask.
func (r *Room) stopped(a Account) error {
	if a.Works() {
		return nil
	}
	ask := ". Ask " + cmpOr(r.Provider.Name, "your provider")
	for _, way := range []string{r.Provider.Phone, r.Provider.Support} {
		if way != "" {
			ask += ", " + way
		}
	}
	if a.State == Suspended {
		return fault.New(fault.Forbidden, "account-suspended", a.Name+" is suspended. Nobody can use its pages, and its phones can't call or be called, except for 000 and 112"+ask)
	}
	return fault.New(fault.Forbidden, "account-closing", a.Name+" is being closed. Nobody can use its pages, and its phones can't call or be called, except for 000 and 112"+ask)
}

// StateTopic tells phones that an account stopped working, or works again.
func StateTopic(accountID string) string { return StateTopics + accountID }

// StateTopics is how the topics about states of accounts begin.
const StateTopics = "account-state:"

// Suspend stops an account until Enable: its people, keys and phones are refused from their next request on; calls that go on finish as
// they are. The reason, at most 200 characters, is for its admins, who get a mail, and for the audit logs.
func (r *Room) Suspend(ctx context.Context, actor Actor, accountID, reason string) (a Account, err error) {
	defer fault.Wrap(&err, "account.Suspend")
	note, bad := checkNote("reason", "Reason", reason)
	if err := fault.All(bad); err != nil {
		return a, err
	}
	return r.turn(ctx, actor, accountID, AccountSuspended, func(a *Account) error {
		if a.State != Working {
			return fault.New(fault.Conflict, "account-state", a.Name+" is "+string(a.State)+" already")
		}
		a.State, a.StateNote = Suspended, note
		return nil
	})
}

// Enable makes a suspended account work again, and takes back the closing of one whose data is still there.
func (r *Room) Enable(ctx context.Context, actor Actor, accountID string) (a Account, err error) {
	defer fault.Wrap(&err, "account.Enable")
	return r.turn(ctx, actor, accountID, AccountEnabled, func(a *Account) error {
		switch {
		case a.State == Working:
			return fault.New(fault.Conflict, "account-state", a.Name+" works already")
		case a.State == Closed || a.State == Closing && r.now() >= a.CloseAt:
			return fault.New(fault.Conflict, "account-closed", a.Name+" is closed and its data is being deleted. That can't be taken back. Open a new account")
		}
		a.State, a.StateNote, a.CloseAt = Working, "", 0
		return nil
	})
}

// Close stops an account and has its data deleted after the grace period (Config.CloseGrace). typed is its number, typed by whoever closes it.
func (r *Room) Close(ctx context.Context, actor Actor, accountID, typed, reason string) (a Account, err error) {
	defer fault.Wrap(&err, "account.Close")
	note, bad := checkNote("reason", "Reason", reason)
	if err := fault.All(bad); err != nil {
		return a, err
	}
	return r.turn(ctx, actor, accountID, AccountClosing, func(a *Account) error {
		switch {
		case a.State == Closing || a.State == Closed:
			return fault.New(fault.Conflict, "account-state", a.Name+" is being closed already")
		case strings.TrimSpace(typed) != a.Number:
			return fault.Field("account-number-typed", "typed", "Enter "+a.Number+", the number of the account you are closing")
		}
		a.State, a.StateNote, a.CloseAt = Closing, note, r.now()+r.CloseGrace.Milliseconds()
		return nil
	})
}

// checkNote cleans the line that says why, which staff have to write.
func checkNote(field, label, text string) (string, *fault.Fault) {
	note := strings.Join(strings.Fields(text), " ")
	switch {
	case note == "":
		return note, fault.Field("note-empty", field, "Enter a reason. The account's admins read it")
	case len(note) > 200 || note != plain(note, 200):
		return note, fault.Field("note-form", field, label+" must be one line of at most 200 characters")
	}
	return note, nil
}

// turn moves an account to another state with everything that belongs to it: both audit logs, mails to its admins, and notices to pages and phones.
func (r *Room) turn(ctx context.Context, actor Actor, accountID string, action Action, step func(*Account) error) (a Account, err error) {
	if !actor.Provider() {
		return a, notFound()
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if a, err = r.accountByID(ctx, q, accountID); err != nil {
			return err
		}
		before := a
		if err := step(&a); err != nil {
			return err
		}
		a.StateAt = r.now()
		return r.saveState(ctx, q, actor, action, before, a)
	})
	return a, err
}

func (r *Room) saveState(ctx context.Context, q db.Q, actor Actor, action Action, before, a Account) error {
	if _, err := q.ExecContext(ctx, `UPDATE accounts SET state = $2, state_note = $3, state_at = $4, close_at = $5 WHERE id = $1`,
		a.ID, a.State, a.StateNote, a.StateAt, a.CloseAt); err != nil {
		return err
	}
	entry := Entry{Action: action, SubjectID: a.ID, SubjectName: a.Name, Before: string(before.State), After: cmpOr(a.StateNote, string(a.State))}
	for _, log := range []Actor{actor.Inside(a), actor.Inside(Account{})} { // the account's, and the provider's own
		if err := r.Record(ctx, q, log, entry); err != nil {
			return err
		}
	}
	if err := r.tellState(ctx, q, action, a); err != nil {
		return err
	}
	return change.Post(ctx, q, r.Now(), AccountTopic(a.ID), PhoneTopic(a.ID), StateTopic(a.ID))
}

// tellState mails every active admin of the account what became of it.
func (r *Room) tellState(ctx context.Context, q db.Q, action Action, a Account) error {
	admins, err := r.AdminAddresses(ctx, q, a.ID)
	if err != nil {
		return err
	}
	for _, to := range admins {
		if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: string(action), To: to, Account: a.Name, Slug: a.Slug, Zone: a.Policy.TimeZone, At: a.StateAt,
			Until: a.CloseAt, Note: a.StateNote}); err != nil {
			return err
		}
	}
	return nil
}

// AdminAddresses lists the mail addresses of the account's active admins.
func (r *Room) AdminAddresses(ctx context.Context, q db.Q, accountID string) (list []string, err error) {
	return db.Collect(ctx, q, db.Value[string], `SELECT email FROM memberships WHERE account_id = $1 AND state = 'active' AND roles IN ('admin', 'admin,billing') ORDER BY id LIMIT 200`, accountID)
}

// graceUsual is how long a closing account keeps its data (product.md 24.6).
const graceUsual = 30 * 24 * time.Hour

// stateLetter tells an admin what became of the account.
func (r *Room) stateLetter(in letterArgs, l mail.Letter, when string) mail.Letter {
	provider := cmpOr(r.Provider.Name, "Your provider")
	facts := []mail.Fact{{Label: "When", Value: when}}
	if in.Note != "" {
		facts = append(facts, mail.Fact{Label: "Reason", Value: unlink(in.Note)})
	}
	var first string
	switch Action(in.Kind) {
	case AccountSuspended:
		l.Subject = in.Account + " is suspended"
		first = provider + " suspended " + in.Account + ". Nobody can use its pages or API keys, and its phones can't call or be called. 000 and 112 always work. Nothing is deleted."
	case AccountEnabled:
		l.Subject = in.Account + " works again"
		first = provider + " enabled " + in.Account + ". Pages, API keys and calls work again from now."
	case AccountClosing:
		until := moment(in.Until, location(in.Zone))
		l.Subject = in.Account + " is being closed"
		first = provider + " is closing " + in.Account + ". Nobody can use its pages or API keys, and its phones can't call or be called. 000 and 112 work until the end. Until " + until + " it can be taken back; then all its data is deleted."
		facts = append(facts, mail.Fact{Label: "Data is deleted", Value: until})
	default:
		l.Subject = in.Account + " is closed"
		first = in.Account + " is closed for good. Its people, phone users, numbers, call records and requests are being deleted. This can't be taken back."
	}
	l.Blocks = []mail.Block{mail.Paragraph(first), mail.Facts(facts...)}
	l.Footer = []string{"You got this because you were an admin of " + in.Account + ". Is this not right? Ask " + provider + "."}
	return l
}
