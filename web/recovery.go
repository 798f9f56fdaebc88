package web

import (
	"net/http"

	"hubline/base/fault"
	"hubline/product/account"
)

// recoveryQuestion is asked before an admin, or staff, starts a recovery.
func recoveryQuestion(label string) Confirm {
	return Confirm{Kind: "primary", Title: "Start a recovery of " + label + "?", Keep: "Keep it as it is", Do: "Start recovery", Busy: "Starting…",
		Text: "Do this only if you have spoken with them and they lost their second factor and their recovery codes. Nothing of theirs changes now: within 3 days they complete it at the sign-in page, " +
			"with their password and a code from their mailbox. They and all admins are told. If they belong to other accounts, an admin of each has to agree."}
}

// askToRecover is the question on a page of its own.
func (p *Portal) askToRecover(r *Request) error {
	return p.askAbout(r, func(_ *Request, label string) Confirm { return recoveryQuestion(label) }, "recovery")
}

// startRecovery starts a recovery of a hub user's sign-in, or agrees to one.
func (p *Portal) startRecovery(r *Request) error {
	u, err := p.Account.StartRecovery(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	return r.Go(r.to("hub-users", u.ID), Banner{Text: "A recovery of " + u.Label() + " is started.", More: "They complete it at the sign-in page within 3 days. They and all admins are told."})
}

func (p *Portal) stopRecovery(r *Request) error {
	u, err := p.Account.StopRecovery(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	return r.Go(r.to("hub-users", u.ID), Banner{Text: "The recovery of " + u.Label() + " is stopped.", More: "Their second factor stays as it is."})
}

// askRecoverPerson is askToRecover for staff, whose word stands for that of all accounts.
func (p *Portal) askRecoverPerson(r *Request) error {
	who, _, err := p.Account.PersonAt(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	c := recoveryQuestion(who.Email)
	c.Text = "Do this only if you have made sure who they are, for example for the last admin of an account. Your word stands for that of all their accounts. Nothing of theirs changes now: within 3 days they complete it at the " +
		"sign-in page, with their password and a code from their mailbox. They and the admins of their accounts are told."
	c.Path, c.Next = r.URL.Path, "/console/people/"+who.ID
	return r.Render("console/confirm.html", Page{Title: c.Title, Section: "console/accounts", Crumbs: []Link{toAccounts, {who.Email, c.Next}}, Data: c})
}

func (p *Portal) recoverPerson(r *Request) error {
	who, err := p.Account.StartRecoveryOf(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return r.Again(err, p.person)
	}
	return r.Go("/console/people/"+who.ID, Banner{Text: "A recovery of " + who.Email + " is started.", More: "They complete it at the sign-in page within 3 days."})
}

func (p *Portal) stopRecoveryOf(r *Request) error {
	if err := p.Account.StopRecoveryOf(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return r.Again(err, p.person)
	}
	return r.Go("/console/people/"+r.PathValue("id"), Banner{Text: "The recovery is stopped."})
}

// recoverPage asks for the code that completes a recovery.
type recoverPage struct {
	Email, Half, Next, Kept string
	Just                    bool // the code was sent by this very request
}

// sendRecoveryCode mails a code to somebody who has signed in as far as they can, and asks for it.
func (p *Portal) sendRecoveryCode(r *Request) error {
	err := p.Account.SendRecoveryCode(r.Context(), r.Posted("half"), r.browser())
	f, ok := fault.Of(err)
	switch {
	case ok && f.Code == "code-just-sent":
		return p.recoverStep(r, false)
	case err != nil:
		return p.notRecovered(r, err)
	}
	return p.recoverStep(r, true)
}

func (p *Portal) recoverStep(r *Request, just bool) error {
	s, err := p.Account.SecondStep(r.Context(), r.Posted("half"))
	if err != nil {
		return err
	}
	r.W.Header().Set("Cache-Control", "no-store")
	return r.Render("signin/recover.html", Page{Title: "Recover your sign-in", Layout: "card", Data: recoverPage{s.Email, r.Posted("half"), r.Next(), r.Kept(), just}})
}

// notRecovered shows the second step again with what is in the way; a sign-in that took too long begins anew.
func (p *Portal) notRecovered(r *Request, err error) error {
	f, ok := fault.Of(err)
	if ok && f.Code == "half-ended" {
		r.Form = &Form{}
		r.Form.Wrong("", f.Message)
		r.status = http.StatusUnprocessableEntity
		return r.signInStep(signInPage{Next: r.Next(), Kept: r.Kept()})
	}
	return r.againHere(err, func(r *Request) error {
		return r.secondStep(secondPage{Half: r.Posted("half"), Next: r.Next(), Kept: r.Kept()})
	})
}

// finishRecovery takes the code; then the person sets up a new second factor.
func (p *Portal) finishRecovery(r *Request) error {
	in, err := p.Account.FinishRecovery(r.Context(), r.Posted("half"), r.Posted("code"), r.browser())
	if f, ok := fault.Of(err); ok && f.Field == "code" {
		return r.againHere(err, func(r *Request) error { return p.recoverStep(r, false) })
	}
	if err != nil {
		return p.notRecovered(r, err)
	}
	if err := r.enter(in); err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "You are back, without a second factor", More: "Set up a new one now. You are signed out everywhere else."})
}

// stopPage asks whether to stop a recovery.
type stopPage struct{ Self, Email string }

// askStopRecovery is what the mail about a recovery leads to. Looking changes nothing, as mail scanners follow links.
func (p *Portal) askStopRecovery(r *Request) error {
	who, err := p.Account.RecoveryLink(r.Context(), r.PathValue("token"))
	if err != nil {
		return r.deadEmailLink(err, Link{"Sign in", "/sign-in"})
	}
	return r.Render("signin/stop-recovery.html", Page{Title: "Stop the recovery?", Layout: "card", Data: stopPage{r.URL.Path, who.Email}})
}

func (p *Portal) stopRecoveryByLink(r *Request) error {
	if err := p.Account.StopRecoveryByLink(r.Context(), r.PathValue("token"), r.browser()); err != nil {
		return r.deadEmailLink(err, Link{"Sign in", "/sign-in"})
	}
	return r.Render("signin/dead.html", Page{Title: "The recovery is stopped", Layout: "card", Data: deadPage{
		Text: "Your second factor stays as it is, and the admins are told. If somebody else may know your password, choose a new one.", On: Link{"Choose a new password", "/sign-in/forgot"}}})
}

func (p *Portal) stopOwnRecovery(r *Request) error {
	err := p.Account.StopOwnRecovery(r.Context(), r.Viewer.Actor)
	if fault.Is(err, fault.Conflict) {
		return r.Go("/profile/security", Banner{Kind: "info", Text: "No recovery of your sign-in is open any more."})
	}
	if err != nil {
		return err
	}
	return r.Go("/profile/security", Banner{Text: "The recovery of your sign-in is stopped", More: "The admins are told. If somebody else may know your password, change it."})
}

// recoveryCard is how a recovery stands, with what the viewer can do about it.
type recoveryCard struct {
	account.Recovery
	Start, Stop string // addresses
}

// Offers reports whether starting, or agreeing, is left to do.
func (c recoveryCard) Offers() bool { return !c.Agreed }
