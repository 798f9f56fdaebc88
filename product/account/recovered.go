package account

import (
	"context"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/mail"
)

// provedSecond notes that somebody begins a session with their second factor at hand: they need no recovery, and the password they showed
// with it is theirs. A browser that stands for the factor proves neither.
func (r *Room) provedSecond(ctx context.Context, q db.Q, p Person, shown Proofs) error {
	if !shown.Has(ByPasskey) && !shown.Has(ByTOTP) && !shown.Has(ByRecoveryCode) {
		return nil
	}
	if p.mailed != 0 && shown.Has(ByPassword) {
		if _, err := q.ExecContext(ctx, `UPDATE people SET password_mailed_at = 0 WHERE id = $1`, p.ID); err != nil {
			return err
		}
	}
	return r.endRecovery(ctx, q, p.ID)
}

// mayRecover refuses to complete a recovery that is not open, not wanted by all who have to, or whose person has shown too little: two
// proofs that do not come out of one mailbox (NIST SP 800-63B-4 section 4.2). A password that a mailed link set, or another service's word,
// may both be the mailbox again. Then the provider has to have looked who it is, and everybody gets a day to object.
func (r *Room) mayRecover(ctx context.Context, q db.Q, h half, p Person) error {
	rec, err := r.recovery(ctx, q, p.ID, "")
	switch {
	case err != nil:
		return err
	case !rec.Open || h.Inside != "":
		return fault.New(fault.Conflict, "recovery-none", "No recovery of your sign-in is open. Ask an admin of your account to start one")
	case rec.Waits:
		return fault.New(fault.Conflict, "recovery-waits", "A recovery of your sign-in is open, and waits for an admin of each account that you belong to. Or ask your provider to start it")
	case proofsFromColumn(h.Shown).Has(ByPassword) && p.mailed == 0:
		return nil
	}
	since, err := r.providerConsent(ctx, q, p.ID)
	if err != nil {
		return err
	}
	if since == 0 {
		return fault.New(fault.Conflict, "recovery-provider", "A recovery of your sign-in is open, but a password set by mail, or another service, does not prove enough. Ask your provider to start it")
	}
	if wait := left(since, recoveryPause, r.now()); wait > 0 || ahead(since, r.now()) {
		return &fault.Fault{Kind: fault.Conflict, Code: "recovery-early", RetryAfter: wait, Message: "A recovery of your sign-in is open. As your password was set by mail, it can be completed a day after it was started"}
	}
	return nil
}

// SendRecoveryCode mails a code to somebody who has signed in with their password and lost their second factor, if a recovery is open.
func (r *Room) SendRecoveryCode(ctx context.Context, sealed string, b Browser) (err error) {
	defer fault.Wrap(&err, "account.SendRecoveryCode")
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		h, p, err := r.openHalf(ctx, q, sealed)
		if err != nil {
			return err
		}
		if err := r.mayRecover(ctx, q, h, p); err != nil {
			return err
		}
		return r.mailCode(ctx, q, h.codeFor(), p.ID, p.Email, b)
	})
}

func (h half) codeFor() codeFor { return codeFor{"half " + h.ID, recoverAction} }

// FinishRecovery completes a recovery with the code from the mailbox, in the browser where the password was shown: every second factor of
// the person goes, every session ends, and this browser is signed in with what it has shown.
func (r *Room) FinishRecovery(ctx context.Context, sealed, typed string, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.FinishRecovery")
	_, p, err := r.openHalf(ctx, r.DB, sealed)
	if err != nil {
		return in, err
	}
	code := plainCode(typed)
	if code == "" {
		return in, fault.Field("code-empty", "code", "Enter the six-digit code from the email")
	}
	defer r.logSignIn(ctx, ByEmailCode, "", p.ID, b, &in, &err)
	guesses := limit{key: "recover:" + p.ID, free: 20, most: time.Hour, forget: 24 * time.Hour}
	if err := r.spend(ctx, guesses); err != nil {
		return in, err
	}
	var verdict error
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		h, p, err := r.openHalf(ctx, q, sealed)
		if err != nil {
			return err
		}
		if err := r.mayRecover(ctx, q, h, p); err != nil {
			return err
		}
		if verdict, err = r.useMailedCode(ctx, q, h.codeFor(), code); err != nil || verdict != nil {
			return err
		}
		if err := r.spendOnce(ctx, q, "half "+h.ID, h.Until); err != nil {
			return err
		}
		if err := r.refund(ctx, q, guesses); err != nil {
			return err
		}
		if p, err = r.takeFactors(ctx, q, p, b); err != nil {
			return err
		}
		in, err = r.startSession(ctx, q, p, b, proofsFromColumn(h.Shown), "")
		return err
	})
	if err == nil {
		err = verdict
	}
	return in, err
}

// takeFactors leaves a person without second factors, and ends what began with one.
func (r *Room) takeFactors(ctx context.Context, q db.Q, p Person, b Browser) (Person, error) {
	for _, query := range []string{`DELETE FROM authenticators WHERE person_id = $1`, `DELETE FROM passkeys WHERE person_id = $1`, `DELETE FROM recovery_codes WHERE person_id = $1`,
		`DELETE FROM sessions WHERE person_id = $1`, `DELETE FROM email_changes WHERE person_id = $1`, `UPDATE people SET epoch = epoch + 1, password_mailed_at = 0 WHERE id = $1`} {
		if _, err := q.ExecContext(ctx, query, p.ID); err != nil {
			return p, err
		}
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM known_devices WHERE person_id = $1 AND token_hash <> $2`, p.ID, ident.Hash(tokenDevice, b.Device)); err != nil {
		return p, err
	}
	if err := r.forgetBrowsers(ctx, q, p.ID); err != nil {
		return p, err
	}
	if err := r.endLinks(ctx, q, p.ID); err != nil {
		return p, err
	}
	if _, err := r.setWays(ctx, q, p.ID); err != nil {
		return p, err
	}
	if err := r.tellOwn(ctx, q, p.ID, "recovered", "", b); err != nil {
		return p, err
	}
	by := Actor{Kind: Member, PersonID: p.ID, Name: cmpOr(p.Name, p.Email), Address: b.Address}
	if err := r.tellRecovery(ctx, q, p, recoveryNews{kind: recoveryDone, by: by}); err != nil {
		return p, err
	}
	if err := r.endRecovery(ctx, q, p.ID); err != nil {
		return p, err
	}
	return r.personByID(ctx, q, p.ID)
}

// The kinds of news about a recovery.
const (
	recoveryStarted = "started"
	recoveryStopped = "stopped"
	recoveryDone    = "done"
)

type recoveryNews struct {
	kind  string
	by    Actor
	token string // the link to stop it, for the person; "" once they have it
}

const recoveryMail = "account.recovery-mail"

// recoveryLetter tells about a recovery: the person whose it is, or an admin of one of their accounts.
type recoveryLetter struct {
	Kind, To, Name, Email string
	By                    string // who did it; "" for what somebody of another account did
	Account, Slug, Zone   string // of the admin; "" for the person
	Member                string
	Token                 string
	At                    int64
}

// tellRecovery writes the news into the logs of the person's accounts and mails it to their admins: who did what only to those of the account
// where it was done, as nobody has to know where else somebody belongs.
func (r *Room) tellRecovery(ctx context.Context, q db.Q, p Person, news recoveryNews) error {
	places, err := r.placesOf(ctx, q, p.ID)
	if err != nil {
		return err
	}
	now, name := r.now(), cmpOr(p.Name, p.Email)
	if news.token != "" {
		zone, err := r.zoneOf(ctx, q, p.ID)
		if err != nil {
			return err
		}
		if err := r.Jobs.Add(ctx, q, recoveryMail, recoveryLetter{Kind: news.kind, To: p.Email, Name: name, By: news.by.recoverer(r), Zone: zone, Token: news.token, At: now}); err != nil {
			return err
		}
	}
	action := map[string]Action{recoveryStarted: RecoveryStarted, recoveryStopped: RecoveryStopped, recoveryDone: RecoveryDone}[news.kind]
	for _, at := range places {
		who, by := news.by, news.by.signature()
		switch {
		case who.PersonID == p.ID:
		case who.Account.ID == "":
			by = who.recoverer(r)
		case who.Account.ID != at.account.ID:
			if agreed, err := exists(ctx, q, `SELECT 1 FROM recovery_consents WHERE account_id = $1 AND person_id = $2`, at.account.ID, p.ID); err != nil {
				return err
			} else if agreed && news.kind == recoveryStarted {
				continue // they have asked for it themselves
			}
			who, by = Actor{Kind: Operator, Name: "An admin of another account"}, ""
		}
		who.Account = at.account
		label := cmpOr(at.name, name)
		if err := r.Record(ctx, q, who, Entry{Action: action, SubjectID: at.id, SubjectName: label}); err != nil {
			return err
		}
		admins, err := r.AdminAddresses(ctx, q, at.account.ID)
		if err != nil {
			return err
		}
		for _, to := range admins {
			if to == p.Email {
				continue // has a mail of their own
			}
			if err := r.Jobs.Add(ctx, q, recoveryMail, recoveryLetter{Kind: news.kind, To: to, Name: label, Email: p.Email, By: by, Account: at.account.Name, Slug: at.account.Slug,
				Zone: at.account.Policy.TimeZone, Member: at.id, At: now}); err != nil {
				return err
			}
		}
		if err := r.Notice(ctx, q, at.account.ID); err != nil {
			return err
		}
	}
	return nil
}

// membershipAt is a membership of a person with its account.
type membershipAt struct {
	id, name string
	account  Account
}

func (r *Room) placesOf(ctx context.Context, q db.Q, personID string) (list []membershipAt, err error) {
	return db.Collect(ctx, q, func(at *membershipAt) []any { return append([]any{&at.id, &at.name}, at.account.fields()...) }, `
		SELECT m.id, m.name, `+accountColumns+` FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state <> 'removed' AND a.state <> 'closed' ORDER BY a.id LIMIT 500`, personID)
}

// sendRecovery mails the news. Only the person's own mail has a link, and all that it can do is stop the recovery.
func (r *Room) sendRecovery(ctx context.Context, in recoveryLetter) error {
	in.Name, in.By, in.Account = unlink(in.Name), unlink(in.By), unlink(in.Account)
	facts := mail.Facts(mail.Fact{Label: "When", Value: moment(in.At, location(in.Zone))})
	l := mail.Letter{To: in.To}
	if in.Token != "" {
		l.Subject = "A recovery of your sign-in was started"
		l.Blocks = []mail.Block{mail.Paragraph(in.By + " started it, because you lost your second factor. Sign in with your password; where your second factor is asked for, choose to recover your sign-in."), facts,
			mail.Paragraph("Somebody may be trying to sign in as you. ", mail.Strong("If you lost nothing, stop it.")), mail.Button("Stop the recovery", r.BaseURL+"/sign-in/recovery/stop/"+in.Token),
			mail.Small("It can be completed for 3 days. If you belong to several accounts, an admin of each has to agree, or the provider.")}
		l.Footer = []string{"Sent to " + in.To + " for account safety. It can't be turned off."}
	} else {
		l.Subject, l.Blocks = in.toAdmin(facts, r.BaseURL)
		l.Footer = []string{"You got this because you are an admin of " + in.Account + ". It can't be turned off."}
	}
	l.Title, l.Preheader = l.Subject, l.Subject+"."
	return r.sendOrDrop(ctx, l)
}

// toAdmin is the mail for an admin.
func (in recoveryLetter) toAdmin(facts mail.Block, base string) (subject string, blocks []mail.Block) {
	open := mail.Button("Look at their sign-in", base+"/"+in.Slug+"/hub-users/"+in.Member)
	switch {
	case in.Kind == recoveryDone:
		return in.Name + " came back without their second factor", []mail.Block{mail.Paragraph("The recovery of " + in.Email + " was completed: their second factors are off, and they were signed out everywhere else. " +
			"Ask them whether it was them."), facts, open}
	case in.Kind == recoveryStopped:
		return "The recovery of " + in.Name + " was stopped", []mail.Block{mail.Paragraph(cmpOr(in.By, "Somebody who may") + " stopped the recovery of " + in.Email + ". Their second factor stays as it is."), facts, open}
	case in.By == "":
		return "Recover the sign-in of " + in.Name + "?", []mail.Block{mail.Paragraph("An admin of another account that " + in.Name + " (" + in.Email + ") belongs to started a recovery, because they lost their second factor. " +
			"It counts only if an admin of each of their accounts starts it, too. "), mail.Paragraph("If you do nothing, nothing happens. ", mail.Strong("Speak with "+in.Name+" first.")), facts, open}
	}
	return "A recovery of " + in.Name + " was started", []mail.Block{mail.Paragraph(in.By + " started a recovery of " + in.Email + ", who lost their second factor. Nothing of theirs has changed yet: they complete it with their password and their mailbox. " +
		"Is this not right? Stop it."), facts, open}
}
