package account

import (
	"context"

	"hubline/base/fault"
	"hubline/base/mail"
)

const emailMail = "account.email-mail"

// emailLetter goes to a new address, which is to be confirmed, or to the old one, which can take a change back.
type emailLetter struct {
	PersonID, Email, Old, New string
	Token                     string
	At                        int64
	Zone                      string
	Undo                      bool
}

// sendEmailLink mails a link to an address. Whether somebody has the new address is looked up here, outside of requests: only its mailbox
// is told.
func (r *Room) sendEmailLink(ctx context.Context, in emailLetter) error {
	when := mail.Facts(mail.Fact{Label: "When", Value: moment(in.At, location(in.Zone))})
	if in.Undo {
		return r.sendOrDrop(ctx, mail.Letter{To: in.Email, Subject: "You sign in with another address now", Preheader: "If it was not you, take it back within 7 days.",
			Title: "You sign in with another address now",
			Blocks: []mail.Block{mail.Paragraph("The address of your sign-in was changed from "+in.Old+" to "+in.New+". ", mail.Strong("If this was you, there is nothing to do.")), when,
				mail.Paragraph("If it was not you, take it back: everybody is signed out, and you choose a new password."), mail.Button("Take the change back", r.BaseURL+"/email/"+in.Token),
				mail.Small("The link works for 7 days, once.")},
			Footer: []string{"Sent to " + in.Email + " for account safety. It can't be turned off."}})
	}
	p, err := r.personByEmail(ctx, r.DB, in.Email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && p.ID != in.PersonID {
		return r.sendOrDrop(ctx, mail.Letter{To: in.Email, Subject: "Your address stays with your sign-in", Preheader: "Somebody asked to use it for another one.", Title: "Your address stays with your sign-in",
			Blocks: []mail.Block{mail.Paragraph("Somebody who signs in with another address asked to use " + in.Email + " instead. It belongs to a sign-in of its own, so nothing changed."), when},
			Footer: []string{"Was it you? Sign in with " + in.Email + " instead."}})
	}
	if r.now() > in.At+emailChangeLife.Milliseconds() {
		return nil
	}
	return r.sendOrDrop(ctx, mail.Letter{To: in.Email, Subject: "Confirm your new address", Preheader: "The link works for 24 hours, once.", Title: "Confirm your new address",
		Blocks: []mail.Block{mail.Paragraph("You asked to sign in with " + in.Email + " from now on. Open the link in the browser where you are signed in."),
			mail.Button("Use this address", r.BaseURL+"/profile/email/"+in.Token), when, mail.Small("The link works for 24 hours, once. Until then nothing changes.")},
		Footer: []string{"Did not ask for it? You do not need to do anything."}})
}
