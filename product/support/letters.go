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

	letterVisitAsked = "visit-asked" // to every admin
	letterVisitBegun = "visit-begun"
)

// letter is a mail to the requester of a ticket. What it tells is read when it goes out.
type letter struct {
	Kind                         string
	AccountID, AccountName, Slug string
	TicketID, MessageID          string
	VisitID, To, Zone            string
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
	if l.VisitID != "" {
		return r.sendVisitLetter(ctx, l)
	}
	inside := account.Operate().Inside(account.Account{ID: l.AccountID})
	t, err := r.ByID(ctx, inside, l.TicketID)
	if err != nil {
		return ignoreGone(err)
	}
	to, err := r.Account.HubUserByID(ctx, inside, t.RequesterID)
	if err != nil || to.State != account.Active || !to.Roles.Allows(t.Kind.permission()) {
		return ignoreGone(err)
	}
	out := r.write(l, t, to.Email)
	if l.Kind == letterAnswered {
		wanted, err := r.Account.Wants(ctx, to.Email, account.MailRequests)
		if err != nil || !wanted {
			return err
		}
		out.Footer = append(out.Footer, account.OptionalFooter)
	}
	return r.post(ctx, out)
}

// post sends a letter.
func (r *Room) post(ctx context.Context, out mail.Letter) error {
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

// tellAdmins queues a letter about a visit to every admin of the account, in the transaction of what it tells.
func (r *Room) tellAdmins(ctx context.Context, q db.Q, a account.Account, l letter) error {
	admins, err := r.Account.AdminAddresses(ctx, q, a.ID)
	l.Zone = a.Policy.TimeZone
	for _, l.To = range admins {
		if err == nil {
			err = r.tell(ctx, q, a, l)
		}
	}
	return err
}

// sendVisitLetter mails an admin that staff ask to see the account, unless that was answered meanwhile, or that they can see it.
func (r *Room) sendVisitLetter(ctx context.Context, l letter) error {
	v, err := scanVisit(r.DB.QueryRowContext(ctx, `SELECT `+visitColumns+` FROM visits v WHERE v.account_id = $1 AND v.id = $2`, l.AccountID, l.VisitID).Scan)
	if err != nil || l.Kind == letterVisitAsked && v.Now(r.Now()) != VisitAsked {
		return ignoreGone(err)
	}
	name := account.Unlink(l.AccountName)
	zone := account.Account{Policy: account.Policy{TimeZone: l.Zone}}.Location()
	facts := []mail.Fact{{Label: "Who", Value: account.Unlink(v.StaffName)}, {Label: "Reason", Value: account.Unlink(v.Reason)}}
	if v.Ticket != 0 {
		facts = append(facts, mail.Fact{Label: "Request", Value: strconv.FormatInt(v.Ticket, 10)})
	}
	out := mail.Letter{To: l.To, Footer: []string{"You got this because you are an admin of " + name + "."}}
	button := mail.Button("Open Let support in", r.BaseURL+"/"+l.Slug+"/support/visits")
	if l.Kind == letterVisitAsked {
		out.Subject = v.StaffName + " asks to see " + l.AccountName
		facts = append(facts, mail.Fact{Label: "For", Value: visitMinutes(v.Minutes)})
		out.Blocks = []mail.Block{mail.Paragraph("They see nothing until an admin allows it. You decide whether they may only look, or change things too. They never see passwords, set-up links or keys."),
			mail.Facts(facts...), button, mail.Small("Did nobody of you call them? Refuse, and tell " + r.Provider.Name + ".")}
	} else {
		out.Subject = v.StaffName + " can see " + l.AccountName
		facts = append(facts, mail.Fact{Label: "Allowed", Value: v.extent(zone)})
		out.Blocks = []mail.Block{mail.Paragraph("You let staff in ahead of time. You can end it at any moment; what they do stands in your audit log."), mail.Facts(facts...), button}
	}
	out.Title, out.Preheader = out.Subject, out.Subject+"."
	return r.post(ctx, out)
}
