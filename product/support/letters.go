package support

import (
	"context"
	"fmt"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/product/account"
)

// letterMail is the kind of the room's mail jobs.
const letterMail = "support.letter"

// The kinds of letters.
const (
	letterOpened   = "opened"
	letterAnswered = "answered"
	letterRaised   = "raised"
)

// letter is a mail to the requester of a ticket. What it tells is read when it goes out.
type letter struct {
	Kind                         string
	AccountID, AccountName, Slug string
	TicketID, MessageID          string
	State                        State
	Limit                        int
}

// tell queues a letter in the transaction of what it tells.
func (r *Room) tell(ctx context.Context, q db.Q, a account.Account, l letter) error {
	l.AccountID, l.AccountName, l.Slug = a.ID, a.Name, a.Slug
	return r.Jobs.Add(ctx, q, letterMail, l)
}

// sendLetter mails the requester at their address of now, unless they may not read the account's requests any more.
func (r *Room) sendLetter(ctx context.Context, l letter) error {
	inside := account.Operate().Inside(account.Account{ID: l.AccountID})
	t, err := r.ByID(ctx, inside, l.TicketID)
	if err != nil {
		return ignoreGone(err)
	}
	to, err := r.Account.HubUserByID(ctx, inside, t.RequesterID)
	if err != nil || to.State != account.Active || !to.Roles.Allows(account.ViewTickets) {
		return ignoreGone(err)
	}
	out := r.write(l, t, to.Email)
	out.ID = job.ID(ctx) // a mail that goes out twice is known as one
	message, err := mail.Render(r.Provider, out)
	if err != nil {
		return job.Permanent(err)
	}
	err = r.Mail.Send(ctx, message)
	if _, refused := mail.Refused(err); refused {
		return job.Permanent(err)
	}
	return err
}

func ignoreGone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// write makes the letter. Of what the customer wrote it holds the subject only.
func (r *Room) write(l letter, t Ticket, to string) mail.Letter {
	facts := []mail.Fact{{Label: "Request", Value: t.label() + ", " + account.Unlink(t.Subject)}, {Label: "Account", Value: account.Unlink(l.AccountName)}}
	button := mail.Button("Open request "+t.label(), r.BaseURL+"/"+l.Slug+"/support/"+t.ID)
	out := mail.Letter{To: to, Footer: []string{"You got this because you asked " + r.Provider.Name + " in the portal."}}
	var first string
	switch l.Kind {
	case letterOpened:
		out.Subject = "We have your request " + t.label()
		first = "Your request reached us. We answer by email and in the portal, where you can add to it."
	case letterRaised:
		out.Subject = "Your plan now holds " + strconv.Itoa(l.Limit) + " phone users"
		first = "We raised the plan of " + account.Unlink(l.AccountName) + ". You can add phone users now."
	default:
		out.Subject = fmt.Sprintf("%s answered your request %s", r.Provider.Name, t.label())
		if first = "There is an answer to your request. You can reply in the portal."; l.State == Closed {
			first = "There is an answer to your request, which is closed now. For more, open a new request and name number " + t.label() + "."
		}
	}
	out.Title, out.Preheader = out.Subject, out.Subject+"."
	out.Blocks = []mail.Block{mail.Paragraph(first)}
	for _, m := range t.Messages {
		if m.ID == l.MessageID {
			out.Blocks = append(out.Blocks, mail.Quote(m.Text))
		}
	}
	out.Blocks = append(out.Blocks, mail.Facts(facts...), button)
	return out
}
