package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/mail"
)

// Event is something that happened to a person's own ways in, for their security page.
type Event struct {
	What      string // a word of ownEvents
	Detail    string
	At        int64
	Address   string
	UserAgent string
}

// ownEvent says what an event is called on the security page, and in the mail that tells the person; no subject: no mail.
type ownEvent struct{ words, subject, text string }

var ownEvents = map[string]ownEvent{
	"signed-in":   {"Signed in with {detail}", "", ""},
	"signed-out":  {"Signed out by {detail}", "", ""}, // its mail is the account's
	"tries":       {"Wrong passwords from browsers you never used: {detail}", "", ""},
	"password":    {"Password changed", "", ""}, // its mail is older than the others
	"totp-on":     {"Authenticator app set up", "An authenticator app was set up", "From now on signing in asks for a code of it."},
	"totp-off":    {"Authenticator app removed", "Your authenticator app was removed", "Signing in asks for its codes no more."},
	"passkey-on":  {"Passkey added: {detail}", "A passkey was added", "Whoever holds the device “{detail}” can sign in with it."},
	"passkey-off": {"Passkey removed: {detail}", "A passkey was removed", "“{detail}” can't sign in any more."},
	"codes-made":  {"New recovery codes made", "New recovery codes were made", "The codes before stopped working."},
	"code-used":   {"Recovery code used, {detail} left", "A recovery code was used", "It works no more. {detail} are left. Make new ones under Profile, Security, if you run short."},
	"recovery":    {"Recovery started by {detail}", "", ""}, // its mail has a link to stop it
	"unrecovered": {"Recovery stopped", "", ""},
	"recovered":   {"Second factor removed by recovery", "Your second factor was removed", "A recovery was completed with a code from your mailbox. Set up a new second factor under Profile, Security."},
}

// Words tells the event as people do.
func (e Event) Words() string {
	return fillIn(ownEvents[e.What].words, map[string]string{"detail": e.Detail})
}

// note writes down what happened to a person's own ways in.
func (r *Room) note(ctx context.Context, q db.Q, personID, what, detail string, b Browser) error {
	now := r.now()
	_, err := q.ExecContext(ctx, `INSERT INTO person_events (person_id, id, at, what, detail, address, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		personID, ident.Ordered(now), now, what, detail, b.Address, plain(b.UserAgent, 300))
	return err
}

// tellOwn notes an event and mails it to the person.
func (r *Room) tellOwn(ctx context.Context, q db.Q, personID, what, detail string, b Browser) error {
	if err := r.note(ctx, q, personID, what, detail, b); err != nil {
		return err
	}
	p, err := r.personByID(ctx, q, personID)
	if err != nil {
		return err
	}
	zone, err := r.zoneOf(ctx, q, p.ID)
	if err != nil {
		return err
	}
	return r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "own", Event: what, Name: detail, To: p.Email, Zone: zone, At: r.now(), From: b.UserAgent, Address: b.Address})
}

// ownLetter is the mail of an event.
func (in letterArgs) ownLetter(when string) (subject string, blocks []mail.Block) {
	e := ownEvents[in.Event]
	return e.subject, []mail.Block{mail.Paragraph(fillIn(e.text, map[string]string{"detail": in.Name})+" ", mail.Strong("If this was you, there is nothing to do.")),
		mail.Facts(mail.Fact{Label: "When", Value: when}, mail.Fact{Label: "From", Value: Describe(in.From) + ", " + in.Address}),
		mail.Paragraph("If it was not you, open the portal yourself, choose Forgot password, and tell an admin."),
		mail.Small("This email has no sign-in link on purpose, so you can tell it from a fake one.")}
}

// OwnEvents lists what happened to the actor's own ways in, the newest 20.
func (r *Room) OwnEvents(ctx context.Context, actor Actor) (list []Event, err error) {
	defer fault.Wrap(&err, "account.OwnEvents")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, func(e *Event) []any { return []any{&e.What, &e.Detail, &e.At, &e.Address, &e.UserAgent} },
		`SELECT what, detail, at, address, user_agent FROM person_events WHERE person_id = $1 ORDER BY id DESC LIMIT 20`, actor.PersonID)
}

// OwnWays is what a person can sign in with.
type OwnWays struct {
	Password      bool
	Authenticator *Way // nil: none
	Codes         int  // recovery codes that are left
	Second        bool // there is a second factor
	Asked         bool // an account of theirs, or the console, asks for one
}

// Way is one thing that somebody signs in with.
type Way struct {
	ID, Name string
	MadeAt   int64
	UsedAt   int64 // 0: not yet
}

// OwnWays returns what the actor's person can sign in with.
func (r *Room) OwnWays(ctx context.Context, actor Actor) (w OwnWays, err error) {
	defer fault.Wrap(&err, "account.OwnWays")
	if err := actor.isPerson(); err != nil {
		return w, err
	}
	p, err := r.personByID(ctx, r.DB, actor.PersonID)
	if err != nil {
		return w, err
	}
	w.Password, w.Second = p.password != "", p.ways.second()
	var a Way
	err = r.DB.QueryRowContext(ctx, `SELECT id, confirmed_at, used_at FROM authenticators WHERE person_id = $1 AND confirmed_at > 0`, p.ID).Scan(&a.ID, &a.MadeAt, &a.UsedAt)
	if err == nil {
		w.Authenticator = &a
	} else if !errors.Is(err, sql.ErrNoRows) {
		return w, err
	}
	if err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE person_id = $1 AND used_at = 0`, p.ID).Scan(&w.Codes); err != nil {
		return w, err
	}
	err = r.mayGoWithout(ctx, r.DB, p)
	w.Asked = fault.Is(err, fault.Conflict)
	if w.Asked {
		err = nil
	}
	return w, err
}
