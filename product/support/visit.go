package support

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/product/account"
)

// Bounds of visits.
const (
	VisitLeast = 15     // minutes
	VisitMost  = 8 * 60 // minutes
	GrantMost  = 72     // hours that an admin can let staff in ahead of time
	askLife    = 24 * time.Hour
)

// VisitState is where a visit stands.
type VisitState string

// The states of a visit. What runs out by its time needs no write: VisitNow tells.
const (
	VisitAsked   VisitState = "asked"
	VisitAllowed VisitState = "allowed" // until UntilAt
	VisitRefused VisitState = "refused"
	VisitEnded   VisitState = "ended"
)

// Visit is one person of the provider's staff who asks to see an account, and what became of it.
type Visit struct {
	ID         string
	AccountID  string
	StaffID    string
	StaffName  string // "Alex from Southern Cross Voice"
	Reason     string
	Ticket     int64 // number of the request it is for; 0: none
	Minutes    int
	Change     bool // asked: staff would change things; allowed: they may
	State      VisitState
	AskedAt    int64
	AnsweredAt int64
	AnsweredBy string
	UntilAt    int64
	EndedAt    int64
	EndedBy    string
}

// Now is the visit's state at a moment: what was allowed is over at UntilAt, and what nobody answered runs out after a day.
func (v Visit) Now(at time.Time) VisitState {
	now := at.UnixMilli()
	if v.State == VisitAllowed && now >= v.UntilAt || v.State == VisitAsked && now >= v.AskedAt+askLife.Milliseconds() {
		return VisitEnded
	}
	return v.State
}

// Grant is what an admin allows ahead of time, for whoever of the staff asks until then.
type Grant struct {
	UntilAt   int64
	Change    bool
	GrantedAt int64
	GrantedBy string
}

// VisitRequest is what staff ask for.
type VisitRequest struct {
	Reason  string
	Ticket  string // number of a request of the account, as typed; "" for none
	Minutes int
	Change  bool
}

const visitColumns = `v.id, v.account_id, v.staff_id, v.staff_name, v.reason, v.ticket, v.minutes, v.may_change, v.state, v.asked_at, v.answered_at, v.answered_by,
	v.until_at, v.ended_at, v.ended_by`

// scanVisit reads a row of visitColumns.
func scanVisit(scan func(...any) error) (v Visit, err error) {
	var change int64
	err = scan(&v.ID, &v.AccountID, &v.StaffID, &v.StaffName, &v.Reason, &v.Ticket, &v.Minutes, &change, &v.State, &v.AskedAt, &v.AnsweredAt, &v.AnsweredBy,
		&v.UntilAt, &v.EndedAt, &v.EndedBy)
	v.Change = change != 0
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return v, err
}

// visiting is what account.Room asks about staff on every request.
func (r *Room) visiting(ctx context.Context, q db.Q, accountID, staffID string) (account.Visit, bool, error) {
	v, err := scanVisit(q.QueryRowContext(ctx, `SELECT `+visitColumns+` FROM visits v WHERE v.account_id = $1 AND v.staff_id = $2 AND v.state = 'allowed' AND v.until_at > $3`,
		accountID, staffID, r.now()).Scan)
	if fault.Is(err, fault.NotFound) {
		return account.Visit{}, false, nil
	}
	return account.Visit{ID: v.ID, Change: v.Change, UntilAt: v.UntilAt}, err == nil, err
}

// AskVisit asks the admins of the account that the staff person's actor stands in to be let in. While they let staff in ahead of time, the
// visit begins at once, not longer and with no more rights than they granted. The admins get a mail either way.
func (r *Room) AskVisit(ctx context.Context, actor account.Actor, in VisitRequest) (v Visit, err error) {
	defer fault.Wrap(&err, "support.AskVisit")
	if !actor.Provider() || actor.Kind != account.Staff || actor.Account.ID == "" {
		return v, notFound()
	}
	asked, err := in.check()
	if err != nil {
		return v, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.still(ctx, q, &actor); err != nil {
			return err
		}
		if !actor.Account.Works() {
			return fault.New(fault.Conflict, "account-state", actor.Account.Name+" is "+string(actor.Account.State)+", so its admins could not let you in")
		}
		v = asked
		v.ID, v.AccountID, v.StaffID, v.StaffName, v.AskedAt = ident.New(), actor.Account.ID, actor.PersonID, r.Account.StaffName(actor.Name), r.now()
		if err := r.mayAsk(ctx, q, v); err != nil {
			return err
		}
		return r.begin(ctx, q, actor, &v)
	})
	return v, err
}

func (in VisitRequest) check() (v Visit, err error) {
	var minutes, ticket *fault.Fault
	reason, bad := typed("reason", "Reason", in.Reason)
	if bad == nil && reason == "" {
		bad = fault.Field("text-empty", "reason", "Enter a reason. The account's admins read it")
	}
	if bad == nil && utf8.RuneCountInString(reason) > 300 {
		bad = fault.Field("text-long", "reason", "Reason must be 300 characters or fewer")
	}
	if in.Minutes < VisitLeast || in.Minutes > VisitMost {
		minutes = fault.Field("visit-minutes", "minutes", "A visit lasts 15 minutes to 8 hours")
	}
	v = Visit{Reason: reason, Minutes: in.Minutes, Change: in.Change, State: VisitAsked}
	if text := strings.TrimSpace(in.Ticket); text != "" {
		if v.Ticket, err = strconv.ParseInt(text, 10, 64); err != nil || v.Ticket <= 0 {
			ticket = ticketUnknown()
		}
	}
	return v, fault.All(bad, ticket, minutes)
}

func ticketUnknown() *fault.Fault {
	return fault.Field("visit-ticket", "ticket", "Enter the number of one of this account's requests, or leave it empty")
}

// mayAsk checks the request's number and that no other visit of the same person is open; those that ran out are closed.
func (r *Room) mayAsk(ctx context.Context, q db.Q, v Visit) error {
	if v.Ticket != 0 {
		var id string
		err := q.QueryRowContext(ctx, `SELECT id FROM tickets WHERE account_id = $1 AND number = $2`, v.AccountID, v.Ticket).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ticketUnknown()
		}
		if err != nil {
			return err
		}
	}
	if _, err := q.ExecContext(ctx, `
		UPDATE visits SET state = 'ended', ended_at = CASE WHEN state = 'allowed' THEN until_at ELSE $3 END
		WHERE account_id = $1 AND staff_id = $2 AND (state = 'allowed' AND until_at <= $3 OR state = 'asked' AND asked_at <= $4)`,
		v.AccountID, v.StaffID, v.AskedAt, v.AskedAt-askLife.Milliseconds()); err != nil {
		return err
	}
	var n int
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM visits WHERE account_id = $1 AND staff_id = $2 AND state IN ('asked', 'allowed')`, v.AccountID, v.StaffID).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fault.New(fault.Conflict, "visit-open", "You have asked already. End that visit before you ask for another")
	}
	return nil
}

// begin stores a new request, and allows it at once while a grant stands.
func (r *Room) begin(ctx context.Context, q db.Q, actor account.Actor, v *Visit) error {
	grant, open, err := r.grant(ctx, q, v.AccountID)
	if err != nil {
		return err
	}
	l := letter{Kind: letterVisitAsked, VisitID: v.ID}
	if open {
		v.allow(v.AskedAt, grant.GrantedBy, v.Change && grant.Change)
		v.UntilAt = min(v.UntilAt, grant.UntilAt)
		l.Kind = letterVisitBegun
	}
	if _, err := q.ExecContext(ctx, `
		INSERT INTO visits (account_id, id, staff_id, staff_name, reason, ticket, minutes, may_change, state, asked_at, answered_at, answered_by, until_at, ended_at, ended_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, '')`,
		v.AccountID, v.ID, v.StaffID, v.StaffName, v.Reason, v.Ticket, v.Minutes, bit(v.Change), v.State, v.AskedAt, v.AnsweredAt, v.AnsweredBy, v.UntilAt); err != nil {
		return err
	}
	if err := r.note(ctx, q, actor, account.VisitAsked, *v, v.asks()); err != nil {
		return err
	}
	if open {
		by := account.Actor{Kind: account.Member, Account: actor.Account, Name: grant.GrantedBy}
		if err := r.note(ctx, q, by, account.VisitAllowed, *v, v.extent(actor.Account.Location())+", as allowed ahead of time"); err != nil {
			return err
		}
	}
	if err := r.tellAdmins(ctx, q, actor.Account, l); err != nil {
		return err
	}
	return r.Account.Notice(ctx, q, v.AccountID, v.StaffID)
}

// allow makes an asked visit an allowed one.
func (v *Visit) allow(now int64, by string, change bool) {
	v.State, v.AnsweredAt, v.AnsweredBy, v.Change = VisitAllowed, now, by, change
	v.UntilAt = now + (time.Duration(v.Minutes) * time.Minute).Milliseconds()
}

// asks says in words what staff ask for, as the audit log keeps it.
func (v Visit) asks() string {
	text := v.Reason + ", for " + visitMinutes(v.Minutes)
	if v.Ticket != 0 {
		text += ", request " + strconv.FormatInt(v.Ticket, 10)
	}
	if v.Change {
		text += ", to change things"
	}
	return text
}

// extent says what was allowed: "until 3:40 pm, to look only".
func (v Visit) extent(zone *time.Location) string {
	text := "until " + time.UnixMilli(v.UntilAt).In(zone).Format("2 January, 3:04 pm")
	if v.Change {
		return text + ", to look and change"
	}
	return text + ", to look only"
}

func visitMinutes(n int) string {
	if n%60 == 0 && n > 60 {
		return strconv.Itoa(n/60) + " hours"
	}
	if n == 60 {
		return "1 hour"
	}
	return strconv.Itoa(n) + " minutes"
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// note writes what happened to a visit into the account's audit log and the provider's own.
func (r *Room) note(ctx context.Context, q db.Q, actor account.Actor, action account.Action, v Visit, after string) error {
	entry := account.Entry{Action: action, SubjectID: v.ID, SubjectName: v.StaffName, After: after}
	if err := r.Account.Record(ctx, q, actor, entry); err != nil {
		return err
	}
	own := actor
	if own.Account.Name != "" && entry.After != "" {
		entry.After = own.Account.Name + ": " + entry.After
	} else {
		entry.After = own.Account.Name
	}
	own.Account = account.Account{}
	return r.Account.Record(ctx, q, own, entry)
}

// AnswerVisit lets a person of the staff in, to look or to change things too, or refuses. Admins may; letting in
// gives access away, so it needs a fresh step-up check.
func (r *Room) AnswerVisit(ctx context.Context, actor account.Actor, id string, allow, change bool) (v Visit, err error) {
	defer fault.Wrap(&err, "support.AnswerVisit")
	if actor.Provider() { // nobody lets themselves in
		return v, notFound()
	}
	err = r.decide(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, now *Visit) error {
		if now.Now(r.Now()) != VisitAsked {
			return fault.New(fault.Conflict, "visit-answered", "That was answered, or ran out, before. Look at how it stands")
		}
		action, after := account.VisitRefused, ""
		if allow {
			if err := r.Account.Confirmed(ctx, q, actor); err != nil {
				return err
			}
			now.allow(r.now(), actor.Signature(), change)
			action, after = account.VisitAllowed, now.extent(actor.Account.Location())
		} else {
			now.State, now.AnsweredAt, now.AnsweredBy = VisitRefused, r.now(), actor.Signature()
		}
		v = *now
		return r.note(ctx, q, actor, action, v, after)
	})
	return v, err
}

// EndVisit ends a visit at once, or takes back the wish for one: an admin of the account may, and the person of the staff whose visit it is.
func (r *Room) EndVisit(ctx context.Context, actor account.Actor, id string) (v Visit, err error) {
	defer fault.Wrap(&err, "support.EndVisit")
	err = r.decide(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, now *Visit) error {
		if actor.Provider() && now.StaffID != actor.PersonID {
			return notFound()
		}
		if state := now.Now(r.Now()); state != VisitAsked && state != VisitAllowed {
			return fault.New(fault.Conflict, "visit-over", "That visit is over already")
		}
		now.State, now.EndedAt, now.EndedBy = VisitEnded, r.now(), actor.Signature()
		v = *now
		return r.note(ctx, q, actor, account.VisitEnded, v, "")
	})
	return v, err
}

// decide changes one visit of the actor's account and tells open pages of both sides.
func (r *Room) decide(ctx context.Context, actor account.Actor, id string, do func(ctx context.Context, q db.Q, actor account.Actor, now *Visit) error) error {
	if err := may(actor, account.LetStaffIn); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		actor := actor
		err := r.Account.Still(ctx, q, &actor, account.LetStaffIn)
		if err != nil && !(actor.Provider() && fault.Is(err, fault.Forbidden)) { // staff hold no role in the account, which Still has read
			return err
		}
		v, err := scanVisit(q.QueryRowContext(ctx, `SELECT `+visitColumns+` FROM visits v WHERE v.account_id = $1 AND v.id = $2`, actor.Account.ID, id).Scan)
		if err == nil {
			err = do(ctx, q, actor, &v)
		}
		if err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `
			UPDATE visits SET state = $3, may_change = $4, answered_at = $5, answered_by = $6, until_at = $7, ended_at = $8, ended_by = $9 WHERE account_id = $1 AND id = $2`,
			v.AccountID, v.ID, v.State, bit(v.Change), v.AnsweredAt, v.AnsweredBy, v.UntilAt, v.EndedAt, v.EndedBy); err != nil {
			return err
		}
		return r.Account.Notice(ctx, q, v.AccountID, v.StaffID)
	})
}
