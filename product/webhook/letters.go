package webhook

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/product/account"
)

// letterMail is the kind of the room's mail jobs.
const letterMail = "webhook.letter"

// letterFailing warns; the other kinds are the reasons of a pause.
const letterFailing = "warning"

// letter is a mail to one admin about a webhook that does not work.
type letter struct {
	Kind                 string
	AccountID, WebhookID string
	To                   string
	Why                  string
	Since                int64
}

// tellAdmins queues a letter to every admin of the account, in the transaction of what it tells.
func (r *Room) tellAdmins(ctx context.Context, q db.Q, l lane, out letter) error {
	admins, err := r.Account.AdminAddresses(ctx, q, l.accountID)
	out.AccountID, out.WebhookID = l.accountID, l.webhookID
	for _, out.To = range admins {
		if err == nil {
			err = r.Jobs.Add(ctx, q, letterMail, out)
		}
	}
	return err
}

// sendLetter mails an admin, unless the webhook was deleted or works again meanwhile.
func (r *Room) sendLetter(ctx context.Context, in letter) error {
	w, err := r.byID(ctx, r.DB, in.AccountID, in.WebhookID)
	if fault.Is(err, fault.NotFound) || err == nil && w.Health() == Working {
		return nil
	}
	if err != nil {
		return err
	}
	a := account.Account{ID: in.AccountID}
	if err := r.DB.QueryRowContext(ctx, `SELECT name, slug, time_zone FROM accounts WHERE id = $1`, a.ID).Scan(&a.Name, &a.Slug, &a.Policy.TimeZone); err != nil {
		return ignoreNoRows(err)
	}
	wanted, err := r.Account.Wants(ctx, in.To, account.MailWebhooks)
	if err != nil || !wanted {
		return err
	}
	message, err := mail.Render(r.Account.Provider, r.write(ctx, in, w, a))
	if err != nil {
		return job.Permanent(err)
	}
	err = r.Account.Mail.Send(ctx, message)
	if _, refused := mail.Refused(err); refused {
		return job.Permanent(err)
	}
	return err
}

func (r *Room) write(ctx context.Context, in letter, w Webhook, a account.Account) mail.Letter {
	name, company := account.Unlink(w.Name()), account.Unlink(a.Name)
	out := mail.Letter{ID: job.ID(ctx), To: in.To, Footer: []string{"You got this because you are an admin of " + company + ".", account.OptionalFooter}}
	var first string
	switch in.Kind {
	case string(Gone):
		out.Subject = "The webhook " + w.Name() + " is paused"
		first = "It answered 410 Gone, which means that it wants no more events. What happens from now on is noted for 30 days, and sent when somebody resumes the webhook."
	case string(Failing):
		out.Subject = "The webhook " + w.Name() + " is paused"
		first = "Nothing could be delivered to it for three days. What happens from now on is noted for 30 days, and sent when somebody resumes the webhook. What was given up can be sent again one by one."
	default:
		out.Subject = "The webhook " + w.Name() + " fails"
		first = "Nothing could be delivered to it for a day. Hubline goes on trying, and pauses it after three days."
	}
	out.Title, out.Preheader = out.Subject, out.Subject+"."
	out.Blocks = []mail.Block{mail.Paragraph(first),
		mail.Facts(mail.Fact{Label: "Account", Value: company}, mail.Fact{Label: "Webhook", Value: name}, mail.Fact{Label: "Host", Value: account.Unlink(host(w.URL))},
			mail.Fact{Label: "Fails since", Value: account.Moment(in.Since, a.Location())}, mail.Fact{Label: "Last try", Value: in.Why}),
		mail.Button("Open the webhook", r.Account.BaseURL+"/"+a.Slug+"/webhooks/"+w.ID)}
	return out
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
