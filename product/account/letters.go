package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/job"
	"hubline/base/mail"
)

// Kinds of the room's mail jobs.
const (
	invitationMail = "account.invitation-mail"
	reminderMail   = "account.invitation-reminder"
	codeMail       = "account.code-mail"
	resetMail      = "account.reset-mail"
	letterMail     = "account.letter"
)

type invitationLetter struct {
	AccountID, InvitationID string
	Generation              int64
	Token                   string
	Reminder                bool
}

type codeLetter struct {
	Email, Code   string
	Action        string
	At            int64
	Zone          string
	From, Address string
}

type resetLetter struct {
	Email, Token  string
	At            int64
	From, Address string
}

// letterArgs is a mail that only tells: access changed, invitation accepted, removed, new sign-in, password changed.
type letterArgs struct {
	Kind, To, Name      string
	Account, Slug, Zone string
	Email               string
	Roles               []string
	By                  string
	Subject             string // ID of whom or what the mail is about
	At, Until           int64
	From, Address, Note string
	Event               string // of ownEvents
}

func (r *Room) registerJobs() {
	lost := func(ctx context.Context, in invitationLetter, err error) {
		if err := r.markDelivery(ctx, in, Refused, "The mail could not be delivered"); err != nil {
			r.Log.Error("a lost invitation mail is not shown", "invitation", in.InvitationID, "error", err)
		}
	}
	job.Handle(r.Jobs, invitationMail, r.sendInvitation, job.Attempts(14), job.OnDead(lost))
	job.Handle(r.Jobs, reminderMail, r.sendInvitation, job.Attempts(8))
	job.Handle(r.Jobs, codeMail, r.sendCode, job.Attempts(5))
	job.Handle(r.Jobs, resetMail, r.sendReset, job.Attempts(8))
	job.Handle(r.Jobs, recoveryMail, r.sendRecovery, job.Attempts(12))
	job.Handle(r.Jobs, emailMail, r.sendEmailLink, job.Attempts(12))
	job.Handle(r.Jobs, letterMail, r.sendLetter, job.Attempts(12))
	job.Handle(r.Jobs, peopleImport, r.runImport, job.Attempts(10), job.OnDead(r.importLost))
	r.Jobs.Every("account.tidy", time.Hour, r.tidy)
	r.Jobs.Every("account.review-reminders", time.Hour, r.remindReviews)
	r.Jobs.Every("account.erase", time.Hour, r.erase)
	r.Jobs.Every("account.audit-sign", signEvery, r.signAll)
	r.Jobs.Every("account.audit-trim", 24*time.Hour, r.trimAudit)
}

// sendInvitation mails the link, unless the invitation ended or got a newer link since the job was queued.
func (r *Room) sendInvitation(ctx context.Context, in invitationLetter) error {
	i, err := r.invitation(ctx, r.DB, in.AccountID, in.InvitationID)
	if err != nil || i.State != Pending || i.generation != in.Generation {
		return ignoreGone(err)
	}
	if in.Reminder && (i.Delivery == Refused || i.Expired(r.now())) {
		return nil
	}
	var a Account
	if err := r.DB.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, in.AccountID).Scan(a.fields()...); err != nil {
		return err
	}
	link := r.BaseURL + "/invitations/" + in.Token
	a.Name, i.InviterName = unlink(a.Name), unlink(i.InviterName)
	until := moment(i.ExpiresAt, a.Location())
	blocks := []mail.Block{mail.Paragraph("You will be able to " + i.Offered().ability() + " for " + a.Name + " (account " + a.Number + ").")}
	if i.Message != "" {
		blocks = append(blocks, mail.Quote(unlink(i.Message)))
	}
	blocks = append(blocks,
		mail.Button("Accept invitation", link),
		mail.Paragraph("If you are new here, you choose a password. If you have one already, sign in with it. Use this address: "+i.Email+"."),
		mail.Small("Works until "+until+". It can be used once, by "+i.Email+"."))
	subject := i.InviterName + " invited you to " + a.Name
	if in.Reminder {
		subject = "Reminder: " + subject
	}
	entered := i.InviterName
	if i.InviterEmail != "" {
		entered += " (" + i.InviterEmail + ")"
	}
	err = r.send(ctx, mail.Letter{To: i.Email, ReplyTo: i.InviterEmail, Subject: subject,
		Preheader: "Set up your sign-in. The invitation works until " + until + ".", Title: subject, Blocks: blocks, ID: in.mailID(),
		Footer: []string{"You got this because " + entered + " entered your address. Not expecting it? Ignore it and nothing happens."}})
	if reason, refused := mail.Refused(err); refused {
		return r.markDelivery(ctx, in, Refused, reason)
	}
	if err != nil {
		return err
	}
	return r.markDelivery(ctx, in, Sent, "")
}

// mailID makes the same mail known as one however often it goes out.
func (in invitationLetter) mailID() string {
	id := in.InvitationID + "." + decimal(in.Generation)
	if in.Reminder {
		id += ".reminder"
	}
	return id
}

// mailInvitation queues the mail with the link, and the one that reminds of it two days before the end when that is not too soon.
func (r *Room) mailInvitation(ctx context.Context, q db.Q, i Invitation, token string) error {
	letter := invitationLetter{AccountID: i.AccountID, InvitationID: i.ID, Generation: i.generation, Token: token}
	if err := r.Jobs.Add(ctx, q, invitationMail, letter); err != nil {
		return err
	}
	remind := time.UnixMilli(i.ExpiresAt).Add(-remindBefore)
	if remind.Sub(time.UnixMilli(i.SentAt)) < remindBefore/2 {
		return nil
	}
	letter.Reminder = true
	return r.Jobs.AddAt(ctx, q, reminderMail, letter, remind)
}

// remindBefore is how long before its end an invitation is sent again, with the same link.
const remindBefore = 48 * time.Hour

func ignoreGone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (r *Room) markDelivery(ctx context.Context, in invitationLetter, d Delivery, note string) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, `
			UPDATE invitations SET delivery = $4, delivery_note = $5 WHERE account_id = $1 AND id = $2 AND generation = $3 AND state = 'pending'`,
			in.AccountID, in.InvitationID, in.Generation, d, plain(note, 200)); err != nil {
			return err
		}
		return r.Notice(ctx, q, in.AccountID)
	})
}

// ability continues "You will be able to …".
func (r Roles) ability() string {
	switch {
	case r.Has(Admin) && r.Has(Billing):
		return "manage users, phone users, numbers, call flows and reports, and see invoices and pay"
	case r.Has(Admin):
		return "manage users, phone users, numbers, call flows and reports"
	case r.Has(Billing):
		return "see invoices and pay"
	}
	return "see phone numbers and general reports, and rename numbers"
}

var linkStarts = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(mailto|tel|sms|sips?|callto|skype|facetime):`),
	regexp.MustCompile(`(?i)(://|\bwww\.|@|[.。．｡]\pL{2,})`),
}

// unlink keeps mail programs from turning parts of a message or a name into links: it puts a word joiner, which nobody sees, where a web or
// mail address would begin to look like one.
func unlink(text string) string {
	for _, start := range linkStarts {
		text = start.ReplaceAllStringFunc(text, func(s string) string {
			_, first := utf8.DecodeRuneInString(s)
			return "\u2060" + s[:first] + "\u2060" + s[first:]
		})
	}
	return text
}

func (r *Room) sendCode(ctx context.Context, in codeLetter) error {
	if r.now() > in.At+codeLife.Milliseconds() {
		return nil
	}
	zone := location(in.Zone)
	shown := in.Code[:3] + " " + in.Code[3:]
	foot := "Did not ask for it? Somebody is using your signed-in browser. Sign out everywhere under Profile, Security."
	if in.Action == recoverAction {
		foot = "Did not ask for it? Somebody knows your password. Choose Forgot password, and tell an admin of your account."
	}
	return r.sendOrDrop(ctx, mail.Letter{To: in.Email, Subject: "Your confirmation code is " + shown, Preheader: shown + " is your code. It works for 10 minutes.",
		Title: "Your confirmation code is " + shown,
		Blocks: []mail.Block{mail.Code(shown), mail.Paragraph("Enter it on the page where you asked for it. It works for 10 minutes, once."),
			mail.Facts(mail.Fact{Label: "Asked for", Value: moment(in.At, zone)}, mail.Fact{Label: "From", Value: Describe(in.From) + ", " + in.Address}),
			mail.Small("We never ask for this code by phone, text or chat. Do not give it to anyone.")},
		Footer: []string{foot}})
}

// sendReset makes the link and mails it, if somebody has that address. The same job run again mails the same link.
func (r *Room) sendReset(ctx context.Context, in resetLetter) error {
	p, err := r.personByEmail(ctx, r.DB, in.Email)
	if err != nil || r.now() > in.At+resetLife.Milliseconds() {
		return ignoreGone(err)
	}
	var live bool
	var zone string
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if live, err = r.passwordLink(ctx, q, p.ID, ident.Hash(tokenReset, in.Token), in.At, resetLife); err != nil {
			return err
		}
		zone, err = r.zoneOf(ctx, q, p.ID)
		return err
	})
	if err != nil || !live {
		return err
	}
	link := r.BaseURL + "/password/" + in.Token
	return r.sendOrDrop(ctx, mail.Letter{To: p.Email, Subject: "Choose a new password", Preheader: "The link works for 30 minutes, once.", Title: "Choose a new password",
		Blocks: []mail.Block{mail.Paragraph("Somebody, we hope you, asked for a new password for " + p.Email + "."), mail.Button("Choose a password", link),
			mail.Facts(mail.Fact{Label: "Asked for", Value: moment(in.At, location(zone))}, mail.Fact{Label: "From", Value: Describe(in.From) + ", " + in.Address}),
			mail.Small("The link works for 30 minutes, once. When you choose a password you are signed out everywhere else.")},
		Footer: []string{"Did not ask for it? You do not need to do anything. Your password stays as it is."}})
}

// sendLetter sends the mails that only tell. They hold no link to sign in with, so that real ones look unlike fakes.
func (r *Room) sendLetter(ctx context.Context, in letterArgs) error {
	when := moment(in.At, location(in.Zone))
	roles, _ := ParseRoles(in.Roles)
	in.Name, in.Account, in.By = unlink(in.Name), unlink(in.Account), unlink(in.By)
	l := mail.Letter{To: in.To}
	topic, optional := topicsOf[in.Kind]
	if optional {
		if wanted, err := r.Wants(ctx, in.To, topic); err != nil || !wanted {
			return err
		}
	}
	switch in.Kind {
	case "accepted":
		l.Subject = in.Name + " joined " + in.Account
		l.Blocks = []mail.Block{mail.Paragraph(in.Name + " (" + in.Email + ") accepted your invitation."),
			mail.Facts(mail.Fact{Label: "Access", Value: roles.String()}, mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"You got this because you invited them."}
	case "changed":
		l.Subject = "Your access to " + in.Account + " changed"
		l.Blocks = []mail.Block{mail.Paragraph(in.By + " changed your access. It counts from now, also where you are signed in. You can now " + roles.ability() + "."),
			mail.Facts(mail.Fact{Label: "Access", Value: roles.String()}, mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"Is this not right? Ask an admin of " + in.Account + "."}
	case "deactivated", "reactivated":
		l.Subject = map[string]string{"deactivated": "Your access to " + in.Account + " is paused", "reactivated": "Your access to " + in.Account + " is back"}[in.Kind]
		l.Blocks = []mail.Block{mail.Paragraph(in.By + " " + in.Kind + " your access to " + in.Account + "."), mail.Facts(mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"Is this not right? Ask an admin of " + in.Account + "."}
	case "signed-out":
		l.Subject = "You were signed out of " + in.Account
		l.Blocks = []mail.Block{mail.Paragraph(in.By + " signed you out of " + in.Account + " on every device. Your access stays as it is: sign in again."), mail.Facts(mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"Did you lose a device? Choose a new password too. Is this not right? Ask an admin of " + in.Account + "."}
	case "removed":
		l.Subject = "You no longer have access to " + in.Account
		l.Blocks = []mail.Block{mail.Paragraph(in.By + " removed you from " + in.Account + ". Other accounts that you belong to stay as they are."), mail.Facts(mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"Is this not right? Ask an admin of " + in.Account + "."}
	case "email-asked":
		l.Subject = "Somebody asked to change your address"
		l.Blocks = []mail.Block{mail.Paragraph("We sent a link to "+in.Email+". When it is opened you sign in with that address instead of this one. ", mail.Strong("If this was you, there is nothing to do.")),
			mail.Facts(mail.Fact{Label: "When", Value: when}, mail.Fact{Label: "From", Value: Describe(in.From) + ", " + in.Address}),
			mail.Paragraph("If it was not you, open the portal yourself, change your password, and sign out everywhere. That ends the link, too.")}
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	case "access-asked":
		l.Subject = in.Name + " asks for more access to " + in.Account
		l.ReplyTo = in.Email
		l.Blocks = []mail.Block{mail.Paragraph(in.Name + " (" + in.Email + ") has no access to this: " + in.By + "."),
			mail.Facts(mail.Fact{Label: "Access now", Value: roles.String()}, mail.Fact{Label: "When", Value: when}),
			mail.Button("Look at their access", r.BaseURL+"/"+in.Slug+"/hub-users/"+in.Subject),
			mail.Small("Nothing changes unless you change it. If they should not have it, tell them.")}
		l.Footer = []string{"You got this because you are an admin of " + in.Account + "."}
	case "invitation-asked":
		l.Subject = in.Name + " asks for a new invitation to " + in.Account
		l.Blocks = []mail.Block{mail.Paragraph("Your invitation to " + in.Email + " ran out on " + when + ", and somebody with its link asked for a new one. Resend it if they should still join."),
			mail.Button("Open the invitation", r.BaseURL+"/"+in.Slug+"/invitations/"+in.Subject)}
		l.Footer = []string{"You got this because you invited them."}
	case string(AccountSuspended), string(AccountEnabled), string(AccountClosing), string(AccountClosed):
		l = r.stateLetter(in, l, when)
	case "imported":
		l.Subject = "Your list of people for " + in.Account + " is done"
		l.Blocks = []mail.Block{mail.Paragraph("What became of its lines: " + in.Note + "."), mail.Button("Open the report", r.BaseURL+"/"+in.Slug+"/hub-user-imports/"+in.Subject),
			mail.Facts(mail.Fact{Label: "When", Value: when})}
		l.Footer = []string{"You got this because you brought the list."}
	case "review-due":
		l.Subject = "Time to review access to " + in.Account
		l.Blocks = []mail.Block{mail.Paragraph("Look at everybody who can sign in to " + in.Account + ", what they can do and when they last signed in, and decide who keeps it. Unused access is marked."),
			mail.Button("Review access", r.BaseURL+"/"+in.Slug+"/access-review"),
			mail.Small("It takes one page and one save. Until it is done we remind you once a month.")}
		l.Footer = []string{"You got this because you are an admin of " + in.Account + ", which wants to be reminded. Change that on the same page."}
	case "sign-in":
		l.Subject = "New sign-in: " + Describe(in.From)
		l.Blocks = []mail.Block{mail.Paragraph("You signed in on a device we have not seen before. ", mail.Strong("If this was you, there is nothing to do.")),
			mail.Facts(mail.Fact{Label: "When", Value: when}, mail.Fact{Label: "Device", Value: Describe(in.From)}, mail.Fact{Label: "Network address", Value: in.Address}, mail.Fact{Label: "Signed in with", Value: "Password"}),
			mail.Paragraph("If it was not you, open " + r.BaseURL[strings.Index(r.BaseURL, "//")+2:] + " yourself, choose Forgot password, and set a new one. That signs everybody else out."),
			mail.Small("This email has no sign-in link on purpose, so you can tell it from a fake one.")}
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	case "linked", "unlinked":
		l.Subject = in.By + " can now sign you in"
		said := "You can now sign in with " + in.By + " as " + cmpOr(in.Email, "an account without an address") + ". "
		if in.Kind == "unlinked" {
			l.Subject = in.By + " can no longer sign you in"
			said = "You unlinked " + in.By + " (" + cmpOr(in.Email, "an account without an address") + "). "
		}
		l.Blocks = []mail.Block{mail.Paragraph(said, mail.Strong("If this was you, there is nothing to do.")), mail.Facts(mail.Fact{Label: "When", Value: when}),
			mail.Paragraph("If it was not you, open the portal yourself, choose Forgot password, and tell an admin.")}
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	case "password":
		l.Subject = "Your password was changed"
		l.Blocks = []mail.Block{mail.Paragraph("The password for "+in.To+" was changed and every other browser was signed out. ", mail.Strong("If this was you, there is nothing to do.")),
			mail.Facts(mail.Fact{Label: "When", Value: when}), mail.Paragraph("If it was not you, open the portal yourself, choose Forgot password, and tell an admin.")}
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	case "own":
		l.Subject, l.Blocks = in.ownLetter(when)
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	default:
		return job.Permanent(fmt.Errorf("no letter of kind %q", in.Kind))
	}
	l.Title, l.Preheader = l.Subject, l.Subject+"."
	if optional {
		l.Footer = append(l.Footer, OptionalFooter)
	}
	return r.sendOrDrop(ctx, l)
}

// topicsOf are the letters that can be switched off.
var topicsOf = map[string]Topic{"accepted": MailJoined, "review-due": MailReviews, "imported": MailImports}

func (r *Room) send(ctx context.Context, l mail.Letter) error {
	l.ID = cmpOr(l.ID, job.ID(ctx)) // a mail that goes out twice is known as one
	message, err := mail.Render(r.Provider, l)
	if err != nil {
		return job.Permanent(err)
	}
	return r.Mail.Send(ctx, message)
}

// sendOrDrop is send for mails whose refusal nobody waits for: an address that refuses mail for good ends the job.
func (r *Room) sendOrDrop(ctx context.Context, l mail.Letter) error {
	err := r.send(ctx, l)
	if _, refused := mail.Refused(err); refused {
		return job.Permanent(err)
	}
	return err
}

// tellChange mails the person whose access changed.
func (r *Room) tellChange(ctx context.Context, q db.Q, actor Actor, before, after HubUser) error {
	letter, due := r.letterAbout(actor, before, after)
	if !due {
		return nil
	}
	return r.Jobs.Add(ctx, q, letterMail, letter)
}

// letterAbout is the mail about a change of access, if one is due: nobody is told what they did themselves.
func (r *Room) letterAbout(actor Actor, before, after HubUser) (letter letterArgs, due bool) {
	kind := ""
	switch {
	case after.State == Removed:
		kind = "removed"
	case after.State == Deactivated && before.State == Active:
		kind = "deactivated"
	case after.State == Active && before.State == Deactivated:
		kind = "reactivated"
	case !after.Roles.Equal(before.Roles) && after.State == Active:
		kind = "changed"
	}
	if kind == "" || actor.MembershipID == after.ID {
		return letter, false
	}
	return letterArgs{Kind: kind, To: after.Email, Name: after.Name, Account: actor.Account.Name, Slug: actor.Account.Slug,
		Zone: actor.Account.Policy.TimeZone, Roles: after.Roles.Words(), By: actor.signature(), At: r.now()}, true
}

func (r *Room) tellNewSignIn(ctx context.Context, q db.Q, p Person, b Browser) error {
	zone, err := r.zoneOf(ctx, q, p.ID)
	if err != nil {
		return err
	}
	return r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "sign-in", To: p.Email, Name: p.Name, Zone: zone, At: r.now(), From: b.UserAgent, Address: b.Address})
}

// zoneOf names the time zone in which mails tell a person times: their own, or that of the account they joined first; "" (UTC) for who has none.
func (r *Room) zoneOf(ctx context.Context, q db.Q, personID string) (zone string, err error) {
	err = q.QueryRowContext(ctx, `SELECT time_zone FROM people WHERE id = $1 AND time_zone <> ''`, personID).Scan(&zone)
	if !errors.Is(err, sql.ErrNoRows) {
		return zone, err
	}
	err = q.QueryRowContext(ctx, `
		SELECT a.time_zone FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state = 'active' ORDER BY m.accepted_at, a.id LIMIT 1`, personID).Scan(&zone)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return zone, err
}

// moment is a time as mails show it: "25 November 2026, 9:14 am (Sydney)".
func moment(ms int64, zone *time.Location) string {
	name := zone.String()
	name = strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
	return time.UnixMilli(ms).In(zone).Format("2 January 2006, 3:04 pm") + " (" + name + ")"
}

// Describe names a browser in words people know: "Chrome on Windows".
func Describe(userAgent string) string {
	first := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(userAgent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := first("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl")
	system := first("Windows", "Windows", "iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Mac OS X", "Mac", "CrOS", "ChromeOS", "Linux", "Linux")
	switch {
	case browser == "" && system == "":
		return "Unknown browser"
	case system == "":
		return browser
	case browser == "":
		return system
	}
	return browser + " on " + system
}

// tidy deletes what has no use any more. Nothing depends on it: every read checks times itself.
func (r *Room) tidy(ctx context.Context) error {
	now := r.now()
	day := (24 * time.Hour).Milliseconds()
	for _, old := range []struct {
		query  string
		before int64
	}{
		{`DELETE FROM sessions WHERE expires_at < $1`, now},
		{`DELETE FROM step_up_codes WHERE expires_at < $1`, now},
		{`DELETE FROM password_links WHERE expires_at < $1`, now},
		{`DELETE FROM email_changes WHERE expires_at < $1`, now},
		{`DELETE FROM email_undos WHERE expires_at < $1`, now},
		{`DELETE FROM provider_attempts WHERE expires_at < $1`, now},
		{`DELETE FROM recovery_links WHERE expires_at < $1`, now},
		{`DELETE FROM recovery_consents WHERE given_at < $1`, now - recoveryLife.Milliseconds()},
		{`DELETE FROM spent_challenges WHERE expires_at < $1`, now},
		{`DELETE FROM authenticators WHERE confirmed_at = 0 AND created_at < $1`, now - day},
		{`DELETE FROM person_events WHERE at < $1`, now - 366*day},
		{`DELETE FROM throttles WHERE changed_at < $1 AND until_at < $1`, now - 2*day},
		{`DELETE FROM dead_links WHERE ended_at < $1`, now - 90*day},
		{`DELETE FROM people_import_lines WHERE import_id IN (SELECT id FROM people_imports WHERE created_at < $1)`, now - 90*day},
		{`DELETE FROM people_imports WHERE created_at < $1`, now - 90*day},
		{`UPDATE invitations SET state = 'expired', token_hash = NULL, ended_at = expires_at, version = version + 1 WHERE state = 'pending' AND created_at < $1`, now - 2*invitationLimit.Milliseconds()},
	} {
		if _, err := r.DB.ExecContext(ctx, old.query, old.before); err != nil {
			return fmt.Errorf("account.tidy: %w", err)
		}
	}
	return nil
}
