package phoneuser

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/product/account"
)

// Kinds of the room's jobs.
const (
	detailsMail = "phoneuser.details-mail"
	deviceMail  = "phoneuser.device-mail"
	importJob   = "phoneuser.import"
)

// afterReset is why a link is sent when the old devices were ended.
const afterReset = "reset"

type detailsLetter struct {
	AccountID, PhoneUserID string
	Token                  string
	Why                    string
	By, ReplyTo            string
}

type deviceLetter struct {
	AccountID, PhoneUserID string
	Device                 string
	At                     int64
	From, Address          string
}

func (r *Room) registerJobs() {
	lost := func(ctx context.Context, in detailsLetter, err error) {
		if err := r.markDelivery(ctx, in, Refused, "The mail could not be delivered"); err != nil {
			r.Log.Error("a lost mail with phone details is not shown", "phone_user", in.PhoneUserID, "error", err)
		}
	}
	job.Handle(r.Jobs, detailsMail, r.sendDetails, job.Attempts(14), job.OnDead(lost))
	job.Handle(r.Jobs, deviceMail, r.sendDevice, job.Attempts(12))
	job.Handle(r.Jobs, importJob, r.runImport, job.Attempts(8), job.OnDead(r.importLost))
	r.Jobs.Every("phoneuser.tidy", 10*time.Minute, r.tidy)
}

// sendDetails mails a set-up link, unless it was used or replaced since the job was queued. The link is the only secret in the mail.
func (r *Room) sendDetails(ctx context.Context, in detailsLetter) error {
	l, err := r.link(ctx, r.DB, in.Token)
	if _, over := fault.Of(err); over {
		return nil
	}
	if err != nil || l.user.Email == "" {
		return err
	}
	name, company := account.Unlink(l.user.DisplayName), account.Unlink(l.account)
	until := account.Moment(l.expiresAt, l.location())
	subject := "Your phone is ready: extension " + l.user.Extension
	facts := []mail.Fact{{Label: "Name shown", Value: name}, {Label: "Extension", Value: l.user.Extension}}
	if l.user.CallerID != "" {
		facts = append(facts, mail.Fact{Label: "Calls show", Value: r.Plan.National(l.user.CallerID)})
	}
	opening := "Open the link on the phone or computer that you want to call with. It takes a minute."
	if in.Why == afterReset {
		subject = "Set up your phone again: extension " + l.user.Extension
		opening = "Your phone details were reset, and the old ones stopped working. Open the link on each phone that you want to call with."
	}
	footer := "You got this because an admin at " + company + " gave you a phone extension."
	if in.By != "" {
		footer += " Need help? Ask " + account.Unlink(in.By) + "."
	}
	err = r.send(ctx, mail.Letter{To: l.user.Email, ReplyTo: in.ReplyTo, Subject: subject, Title: subject, Preheader: "Set up your phone. The link works until " + until + ".",
		Blocks: []mail.Block{mail.Paragraph(opening), mail.Facts(facts...), mail.Button("Set up your phone", r.BaseURL+SetUpPath+in.Token),
			mail.Small("The link works until " + until + ", once. We do not send passwords by email.")},
		Footer: []string{footer}})
	if reason, refused := mail.Refused(err); refused {
		return r.markDelivery(ctx, in, Refused, reason)
	}
	if err != nil {
		return err
	}
	return r.markDelivery(ctx, in, Sent, "")
}

// markDelivery notes how far the mail of the newest link got; older links are not of interest any more.
func (r *Room) markDelivery(ctx context.Context, in detailsLetter, d Delivery, note string) error {
	for utf8.RuneCountInString(note) > 200 {
		_, size := utf8.DecodeLastRuneInString(note)
		note = note[:len(note)-size]
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, `
			UPDATE phone_users SET delivery = $3, delivery_note = $4 WHERE account_id = $1 AND id = $2
			AND EXISTS (SELECT 1 FROM set_up_links s WHERE s.token_hash = $5 AND s.ended IN ('', 'used'))`,
			in.AccountID, in.PhoneUserID, d, note, ident.Hash(tokenSetUp, in.Token)); err != nil {
			return err
		}
		return r.notice(ctx, q, in.AccountID)
	})
}

// sendDevice tells the phone user that a device was set up. It holds no link, so that it looks unlike a fake.
func (r *Room) sendDevice(ctx context.Context, in deviceLetter) error {
	var u User
	var company, zone string
	err := r.DB.QueryRowContext(ctx, `
		SELECT `+userColumns+`, a.name, a.time_zone FROM phone_users p JOIN accounts a ON a.id = p.account_id
		WHERE p.account_id = $1 AND p.id = $2 AND p.deleted_at = 0 AND p.email <> ''`, in.AccountID, in.PhoneUserID).Scan(append(u.fields(), &company, &zone)...)
	if err != nil {
		return ignoreNoRows(err)
	}
	subject := "A device was set up for extension " + u.Extension
	err = r.send(ctx, mail.Letter{To: u.Email, Subject: subject, Title: subject, Preheader: subject + ".",
		Blocks: []mail.Block{mail.Paragraph("A new device can now call and be called as "+account.Unlink(u.DisplayName)+". ", mail.Strong("If this was you, there is nothing to do.")),
			mail.Facts(mail.Fact{Label: "When", Value: account.Moment(in.At, link{zone: zone}.location())}, mail.Fact{Label: "Device", Value: in.Device},
				mail.Fact{Label: "Set up from", Value: account.Describe(in.From) + ", " + in.Address}),
			mail.Paragraph("If it was not you, ask an admin of " + account.Unlink(company) + " to reset your phone password.")},
		Footer: []string{"Sent to " + u.Email + " for account safety. It can't be turned off."}})
	if _, refused := mail.Refused(err); refused {
		return job.Permanent(err)
	}
	return err
}

func (r *Room) send(ctx context.Context, l mail.Letter) error {
	l.ID = job.ID(ctx) // a mail that goes out twice is known as one
	message, err := mail.Render(r.Account.Provider, l)
	if err != nil {
		return job.Permanent(err)
	}
	if r.Account.Mail == nil {
		return errors.New("there is no way to send mail")
	}
	return r.Account.Mail.Send(ctx, message)
}

// tidy deletes what has no use any more, and ends devices whose app never fetched its details. Nothing depends on it: every read checks
// times itself.
func (r *Room) tidy(ctx context.Context) error {
	if err := r.TidyLocations(ctx); err != nil {
		return err
	}
	now := r.now()
	month := (30 * 24 * time.Hour).Milliseconds()
	for _, old := range []struct {
		query  string
		before int64
	}{
		{`UPDATE devices SET ended_at = $1, ha1 = '' WHERE ended_at = 0 AND (account_id, id) IN (
			SELECT account_id, device_id FROM set_up_links WHERE kind = 'provision' AND ended = '' AND expires_at <= $1)`, now},
		{`UPDATE set_up_links SET document = '', ended = 'expired' WHERE kind = 'provision' AND ended = '' AND expires_at <= $1`, now},
		{`DELETE FROM set_up_links WHERE expires_at < $1`, now - 3*month},
		{`DELETE FROM phone_user_imports WHERE created_at < $1`, now - 3*month},
		{`UPDATE phone_users SET form_key = '' WHERE form_key <> '' AND created_at < $1`, now - month},
	} {
		if _, err := r.DB.ExecContext(ctx, old.query, old.before); err != nil {
			return fmt.Errorf("phoneuser.tidy: %w", err)
		}
	}
	return nil
}
