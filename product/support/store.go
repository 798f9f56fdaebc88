package support

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/product/account"
)

const columns = `t.account_id, t.id, t.number, t.kind, t.subject, t.description, t.wanted, t.state, t.requester_id, t.requester_name, t.requester_email,
	t.requester_roles, t.created_at, t.updated_at, t.version`

// row is where a ticket is scanned into.
type row struct {
	Ticket
	roles string
}

func (w *row) fields() []any {
	return []any{&w.AccountID, &w.ID, &w.Number, &w.Kind, &w.Subject, &w.Description, &w.Wanted, &w.State, &w.RequesterID, &w.RequesterName, &w.RequesterEmail,
		&w.roles, &w.CreatedAt, &w.UpdatedAt, &w.Version}
}

func (w *row) ticket() (t Ticket, err error) {
	t = w.Ticket
	if w.roles != "" {
		t.RequesterRoles, err = account.ParseRoles(strings.Split(w.roles, ","))
	}
	return t, err
}

// one reads the ticket that a query finds.
func one(found *sql.Row) (Ticket, error) {
	var w row
	if err := found.Scan(w.fields()...); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = notFound()
		}
		return Ticket{}, err
	}
	return w.ticket()
}

func (r *Room) ticket(ctx context.Context, q db.Q, accountID, id string) (Ticket, error) {
	return one(q.QueryRowContext(ctx, `SELECT `+columns+` FROM tickets t WHERE t.account_id = $1 AND t.id = $2`, accountID, id))
}

// byForm returns what the same form of the same person filed before.
func (r *Room) byForm(ctx context.Context, q db.Q, actor account.Actor, key string) (t Ticket, found bool, err error) {
	if key == "" {
		return t, false, nil
	}
	return maybe(one(q.QueryRowContext(ctx, `SELECT `+columns+` FROM tickets t WHERE t.account_id = $1 AND t.requester_id = $2 AND t.form_key = $3 AND t.form_key <> ''`,
		actor.Account.ID, actor.MembershipID, key)))
}

// limitRequest returns the account's request for more phone users that is not closed.
func (r *Room) limitRequest(ctx context.Context, q db.Q, accountID string) (t Ticket, found bool, err error) {
	return maybe(one(q.QueryRowContext(ctx, `
		SELECT `+columns+` FROM tickets t WHERE t.account_id = $1 AND t.kind = 'phone-user-limit' AND t.state <> 'closed' LIMIT 1`, accountID)))
}

// maybe makes "not found" no error.
func maybe(t Ticket, err error) (Ticket, bool, error) {
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return Ticket{}, false, err
	}
	return t, true, nil
}

// counts tells how many tickets of the account wait for the provider, and how many were made since a moment.
func (r *Room) counts(ctx context.Context, q db.Q, accountID string, since int64) (waiting, made int, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM tickets WHERE account_id = $1 AND state = 'open'),
		       (SELECT COUNT(*) FROM tickets WHERE account_id = $1 AND updated_at > $2 AND created_at > $2)`, accountID, since).Scan(&waiting, &made)
	return waiting, made, err
}

// insert writes a new ticket under the next number.
func (r *Room) insert(ctx context.Context, q db.Q, t Ticket, formKey string) (number int64, err error) {
	var highest sql.NullInt64
	if err := q.QueryRowContext(ctx, `SELECT MAX(number) FROM tickets`).Scan(&highest); err != nil {
		return 0, err
	}
	number = max(firstNumber, highest.Int64+1)
	_, err = q.ExecContext(ctx, `
		INSERT INTO tickets (account_id, id, number, kind, subject, description, wanted, state, requester_id, requester_name, requester_email,
			requester_roles, form_key, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		t.AccountID, t.ID, number, t.Kind, t.Subject, t.Description, t.Wanted, t.State, t.RequesterID, t.RequesterName, t.RequesterEmail,
		strings.Join(t.RequesterRoles.Words(), ","), formKey, t.CreatedAt, t.UpdatedAt, t.Version)
	return number, err
}

// save writes the state and that the ticket changed.
func (r *Room) save(ctx context.Context, q db.Q, t *Ticket, at int64) error {
	t.UpdatedAt = max(t.UpdatedAt, at)
	t.Version++
	_, err := q.ExecContext(ctx, `UPDATE tickets SET state = $3, updated_at = $4, version = $5 WHERE account_id = $1 AND id = $2`,
		t.AccountID, t.ID, t.State, t.UpdatedAt, t.Version)
	return err
}

// answeredByForm reports whether the same form of the same person was answered with before.
func (r *Room) answeredByForm(ctx context.Context, q db.Q, actor account.Actor, t Ticket, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM ticket_messages WHERE account_id = $1 AND ticket_id = $2 AND author_id = $3 AND form_key = $4`,
		t.AccountID, t.ID, actor.PersonID, key).Scan(&n)
	return n > 0, err
}

// insertMessage writes an answer, unless the ticket has as many as it may.
func (r *Room) insertMessage(ctx context.Context, q db.Q, t *Ticket, m *Message, formKey string) (full bool, err error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM ticket_messages WHERE account_id = $1 AND ticket_id = $2`, t.AccountID, t.ID).Scan(&n); err != nil || n >= answersMost {
		return err == nil, err
	}
	m.ID = ident.Ordered(m.At)
	staff := 0
	if m.Staff {
		staff = 1
	}
	_, err = q.ExecContext(ctx, `
		INSERT INTO ticket_messages (account_id, ticket_id, id, at, staff, author_id, author, text, form_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.AccountID, t.ID, m.ID, m.At, staff, m.AuthorID, m.Author, m.Text, formKey)
	return false, err
}

func (r *Room) messages(ctx context.Context, t Ticket) (list []Message, err error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT id, at, staff, author_id, author, text FROM ticket_messages WHERE account_id = $1 AND ticket_id = $2 ORDER BY id`, t.AccountID, t.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m Message
		var staff int
		if err := rows.Scan(&m.ID, &m.At, &staff, &m.AuthorID, &m.Author, &m.Text); err != nil {
			return nil, err
		}
		m.Staff = staff != 0
		list = append(list, m)
	}
	return list, rows.Err()
}

func (r *Room) list(ctx context.Context, actor account.Actor, f Filter) (list []Ticket, next string, err error) {
	accountID := actor.Account.ID
	mark := "tickets " + accountID + " " + string(f.State)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	limit := listing.PageSize(f.Limit)
	where, args := "t.account_id = $1", []any{accountID, limit + 1}
	if f.State != "" {
		where, args = where+" AND t.state = $3", append(args, f.State)
	}
	switch bills, changes := InvoiceDetails.sees(actor), Question.sees(actor); {
	case bills && !changes:
		where += " AND t.kind = 'invoice-details'"
	case !bills:
		where += " AND t.kind <> 'invoice-details'"
	}
	if f.After != "" {
		where += fmt.Sprintf(" AND (t.updated_at, t.id) < ($%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, at.Time, at.ID)
	}
	rows, err := r.DB.QueryContext(ctx, `SELECT `+columns+` FROM tickets t WHERE `+where+` ORDER BY t.updated_at DESC, t.id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var w row
		if err := rows.Scan(w.fields()...); err != nil {
			return nil, "", err
		}
		t, err := w.ticket()
		if err != nil {
			return nil, "", err
		}
		list = append(list, t)
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Time: list[limit-1].UpdatedAt, ID: list[limit-1].ID})
	}
	return list, next, rows.Err()
}

// queue reads across accounts, so the state comes first in its WHERE and in its index.
func (r *Room) queue(ctx context.Context, f Filter) (list []Queued, next string, err error) {
	mark := "ticket queue " + string(f.State)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	limit := listing.PageSize(f.Limit)
	order, beyond := "DESC", "<"
	if f.State == Open { // whoever waits longest comes first
		order, beyond = "", ">"
	}
	where, args := "t.state = $1", []any{f.State, limit + 1}
	if f.After != "" {
		where, args = where+" AND (t.updated_at, t.id) "+beyond+" ($3, $4)", append(args, at.Time, at.ID)
	}
	rows, err := r.DB.QueryContext(ctx, `SELECT `+columns+`, a.slug, a.name, a.number FROM tickets t JOIN accounts a ON a.id = t.account_id
		WHERE `+where+` ORDER BY t.updated_at `+order+`, t.id `+order+` LIMIT $2`, args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var w row
		var queued Queued
		if err := rows.Scan(append(w.fields(), &queued.Slug, &queued.AccountName, &queued.AccountNumber)...); err != nil {
			return nil, "", err
		}
		if queued.Ticket, err = w.ticket(); err != nil {
			return nil, "", err
		}
		list = append(list, queued)
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Time: list[limit-1].UpdatedAt, ID: list[limit-1].ID})
	}
	return list, next, rows.Err()
}

func (r *Room) byState(ctx context.Context) (map[State]int, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT state, COUNT(*) FROM tickets GROUP BY state`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[State]int{}
	for rows.Next() {
		var s State
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			return nil, err
		}
		counts[s] = n
	}
	return counts, rows.Err()
}

// find returns the ID of the ticket with that number and the slug of its account.
func (r *Room) find(ctx context.Context, number int64) (id, slug string, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT t.id, a.slug FROM tickets t JOIN accounts a ON a.id = t.account_id WHERE t.number = $1`, number).Scan(&id, &slug)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return id, slug, err
}
