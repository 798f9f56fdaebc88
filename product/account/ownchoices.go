package account

import (
	"context"
	"slices"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/tel"
)

// Own is what a person decides about themselves.
type Own struct {
	Name     string
	Theme    string   // "", "light" or "dark"
	TimeZone string   // IANA name; "": that of the account they look at
	Numbers  tel.Form // how they see telephone numbers
}

// SetOwn changes what a person decides about themselves.
func (r *Room) SetOwn(ctx context.Context, actor Actor, own Own) (err error) {
	defer fault.Wrap(&err, "account.SetOwn")
	if err := actor.isPerson(); err != nil {
		return err
	}
	name, bad := checkName("name", "Name", own.Name, 80)
	if bad == nil && name == "" {
		bad = fault.Field("name-empty", "name", "Enter your name")
	}
	var themeFault, zoneFault, formFault *fault.Fault
	if !slices.Contains([]string{"", "light", "dark"}, own.Theme) {
		themeFault = fault.Field("theme-unknown", "theme", "Choose light, dark, or the same as this device")
	}
	if own.TimeZone != "" {
		own.TimeZone, zoneFault = checkZone(own.TimeZone)
	}
	if !slices.Contains(tel.Forms, own.Numbers) {
		formFault = fault.Field("number-form-unknown", "numbers", "Choose how telephone numbers are shown from the list")
	}
	if err := fault.All(bad, themeFault, zoneFault, formFault); err != nil {
		return err
	}
	_, err = r.DB.ExecContext(ctx, `UPDATE people SET name = $2, theme = $3, time_zone = $4, number_form = $5 WHERE id = $1`,
		actor.PersonID, name, own.Theme, own.TimeZone, own.Numbers)
	return err
}

// Topic is what a mail that can be switched off is about. Mails about somebody's own access and ways in have none: they are always sent.
type Topic string

// The topics.
const (
	MailJoined   Topic = "joined"
	MailImports  Topic = "imports"
	MailReviews  Topic = "reviews"
	MailRequests Topic = "requests"
	MailWebhooks Topic = "webhooks"
)

// Topics lists what can be switched off, with words for it and what somebody has to be allowed somewhere to get such mails.
var Topics = []struct {
	Topic  Topic
	Words  string
	Needed Permission
}{
	{MailJoined, "Somebody accepted an invitation of yours", InviteHubUsers},
	{MailImports, "A list of people that you brought is done", InviteHubUsers},
	{MailReviews, "A review of access is due", ChangeHubUsers},
	{MailRequests, "There is an answer to a request of yours", OpenTickets},
	{MailWebhooks, "A webhook fails or is paused", ChangeSettings},
}

// OwnMails returns the topics about which the actor's person wants no mails.
func (r *Room) OwnMails(ctx context.Context, actor Actor) (off []Topic, err error) {
	defer fault.Wrap(&err, "account.OwnMails")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, db.Value[Topic], `SELECT topic FROM muted_mails WHERE person_id = $1 ORDER BY topic`, actor.PersonID)
}

// SetOwnMails says about which of the topics the actor's person wants mails: those in on, and none of the others among asked. What was
// not asked stays as it is.
func (r *Room) SetOwnMails(ctx context.Context, actor Actor, asked, on []Topic) (err error) {
	defer fault.Wrap(&err, "account.SetOwnMails")
	if err := actor.isPerson(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		for _, known := range Topics {
			t := known.Topic
			if !slices.Contains(asked, t) {
				continue
			}
			query, args := `DELETE FROM muted_mails WHERE person_id = $1 AND topic = $2`, []any{actor.PersonID, t}
			if !slices.Contains(on, t) {
				query, args = `INSERT INTO muted_mails (person_id, topic, muted_at) VALUES ($1, $2, $3) ON CONFLICT (person_id, topic) DO NOTHING`, append(args, r.now())
			}
			if _, err := q.ExecContext(ctx, query, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Wants reports whether whoever has the address wants mails about the topic. Mail jobs ask when they are about to send.
func (r *Room) Wants(ctx context.Context, email string, t Topic) (bool, error) {
	muted, err := exists(ctx, r.DB, `SELECT 1 FROM muted_mails m JOIN people p ON p.id = m.person_id WHERE p.email = $1 AND m.topic = $2`, email, t)
	return !muted, err
}

// OptionalFooter ends mails that can be switched off. It holds no link, as mails that only tell have none.
const OptionalFooter = "You decide which of these emails you get, in the portal under Your details."
