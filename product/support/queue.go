package support

import (
	"context"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
)

// What the provider's staff do with the tickets of all accounts.

// Queued is a ticket as the provider's queue shows it.
type Queued struct {
	Ticket
	Slug, AccountName, AccountNumber string
}

// Queue lists tickets of all accounts in one state for the provider: those that wait longest first, the others by their last change,
// newest first.
func (r *Room) Queue(ctx context.Context, actor account.Actor, f Filter) (list []Queued, next string, err error) {
	defer fault.Wrap(&err, "support.Queue")
	if !actor.Provider() {
		return nil, "", notFound()
	}
	if err := f.State.check(); err != nil {
		return nil, "", err
	}
	return r.queue(ctx, f)
}

// Waiting counts the tickets of all accounts in each state for the provider.
func (r *Room) Waiting(ctx context.Context, actor account.Actor) (counts map[State]int, err error) {
	defer fault.Wrap(&err, "support.Waiting")
	if !actor.Provider() {
		return nil, notFound()
	}
	return r.byState(ctx)
}

// ByNumber returns a ticket with its answers, and its account, to the provider.
func (r *Room) ByNumber(ctx context.Context, actor account.Actor, number int64) (t Ticket, a account.Account, err error) {
	defer fault.Wrap(&err, "support.ByNumber")
	if !actor.Provider() {
		return t, a, notFound()
	}
	id, slug, err := r.find(ctx, number)
	if err != nil {
		return t, a, err
	}
	if a, err = r.Account.BySlug(ctx, actor, slug); err != nil {
		return t, a, err
	}
	t, err = r.ByID(ctx, actor.Inside(a), id)
	return t, a, err
}

// Raise is how staff give more phone users: the plan's new size and what the customer reads.
type Raise struct {
	Limit   int
	Text    string // may be empty
	FormKey string
}

// RaiseLimit sets the plan of the ticket's account, answers and closes the ticket and mails the requester, all or none.
func (r *Room) RaiseLimit(ctx context.Context, actor account.Actor, id string, in Raise) (t Ticket, err error) {
	defer fault.Wrap(&err, "support.RaiseLimit")
	if !actor.Provider() {
		return t, notFound()
	}
	text, bad := typed("text", "Answer", in.Text)
	if bad != nil {
		return t, bad
	}
	if text == "" {
		text = "Your plan now holds " + strconv.Itoa(in.Limit) + " phone users."
	}
	in.FormKey = plainKey(in.FormKey)
	return r.change(ctx, actor, id, in.FormKey, func(ctx context.Context, q db.Q, actor account.Actor, t *Ticket) error {
		if err := t.takesMore(); err != nil {
			return err
		}
		if has := actor.Account.PhoneUserLimit; in.Limit <= has || in.Limit > account.MostPhoneUsers {
			return fault.Field("limit-not-raised", "phone_user_limit", "The plan holds "+strconv.Itoa(has)+" phone users. Enter a higher number, up to "+strconv.Itoa(account.MostPhoneUsers)+", or answer without raising it")
		}
		if _, err := r.Account.SetPhoneUserLimitIn(ctx, q, actor, t.AccountID, in.Limit); err != nil {
			return err
		}
		return r.add(ctx, q, actor, t, Answer{Text: text, State: Closed, FormKey: in.FormKey}, letter{Kind: letterRaised, Limit: in.Limit})
	})
}
