package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// stuck signs somebody in who has lost their second factor: as far as they get.
func stuck(t *testing.T, r *accounttest.Rig, email string) (half string, step account.SecondStep) {
	t.Helper()
	in, err := r.Room.SignIn(t.Context(), email, accounttest.Password, browser("192.0.2.9"))
	must(t, err)
	if in.Session != "" || in.Half == "" {
		t.Fatal("a password alone signs them in")
	}
	step, err = r.SecondStep(t.Context(), in.Half)
	must(t, err)
	return in.Half, step
}

// recovered completes an open recovery.
func recovered(t *testing.T, r *accounttest.Rig, email, half string) (account.Entrance, error) {
	t.Helper()
	if err := r.SendRecoveryCode(t.Context(), half, browser("192.0.2.9")); err != nil {
		return account.Entrance{}, err
	}
	return r.FinishRecovery(t.Context(), half, r.Code(email), browser("192.0.2.9"))
}

func told(t *testing.T, r *accounttest.Rig, email, subject string) {
	t.Helper()
	if got := r.Mails.Subjects(email); !slices.Contains(got, subject) {
		t.Errorf("%s was not told %q, but %q", email, subject, got)
	}
}

// TestA40AnAdminOnlyStartsARecovery: it takes nothing off, shows no factor, and all admins hear of it; the person completes it with their
// password and their mailbox.
func TestA40AnAdminOnlyStartsARecovery(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		peer := r.Join(admin, "pat@harbour.example", account.Admin)
		third := r.Join(admin, "kim@harbour.example", account.Admin)
		plain := r.Join(admin, "jo@harbour.example")
		app := peer.Check().Enrol()
		k := accounttest.NewPasskey(t)
		peer.CheckWith(app).AddPasskey(k)
		before, id := peer.Session(), peer.ID()

		wantFault(t, second(r.StartRecovery(c, third.Actor(), peer.ID())), "check-needed")
		wantFault(t, second(r.StartRecovery(c, plain.Actor(), peer.ID())), "role-missing")
		wantFault(t, second(r.StartRecovery(c, admin.Actor(), admin.ID())), "recovery-own")
		wantFault(t, second(r.StartRecovery(c, admin.Actor(), plain.ID())), "recovery-needless", "Forgot password")
		_, key := r.Key(admin)
		wantFault(t, second(r.StartRecovery(c, key, peer.ID())), "person-needed")
		half, step := stuck(t, r, peer.Email)
		if step.Recovers || step.Recovery != "" {
			t.Errorf("offered without a recovery: %+v", step)
		}
		wantFault(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")), "recovery-none")

		must(t, second(r.StartRecovery(c, admin.Actor(), peer.ID())))
		wantFault(t, second(r.StartRecovery(c, third.Check().Actor(), peer.ID())), "recovery-running")
		if !enters(t, r, peer, before) {
			t.Error("starting it signed them out")
		}
		if rec, err := r.Recovery(c, third.Actor(), peer.ID()); err != nil || !rec.Open || !rec.Agreed || rec.Waits || rec.StartedBy != "Admin" {
			t.Errorf("it stands at %+v, %v", rec, err)
		}
		if step, err := r.SecondStep(c, half); err != nil || !step.Recovers || !step.TOTP || !step.Passkey {
			t.Errorf("the second step is %+v, %v", step, err)
		}
		r.RunJobs()
		told(t, r, peer.Email, "A recovery of your sign-in was started")
		for _, u := range []*accounttest.User{admin, third} {
			told(t, r, u.Email, "A recovery of Pat was started")
		}

		wantFault(t, second(r.FinishRecovery(c, half, "123456", browser("192.0.2.9"))), "code-ended") // none was sent
		must(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")))
		code := r.Code(peer.Email)
		other, _ := stuck(t, r, peer.Email)
		wantFault(t, second(r.FinishRecovery(c, other, code, browser("192.0.2.9"))), "code-ended") // of another browser's sign-in
		wantFault(t, second(r.ConfirmCode(c, plain.Actor(), code)), "code-ended")
		wantFault(t, second(r.FinishRecovery(c, half, "1"+code[1:]+"0", browser("192.0.2.9"))), "code-wrong", "4 tries")
		in, err := r.FinishRecovery(c, half, code, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(c, in.Session, "harbour", accounttest.Address)
		if must(t, err); actor.Email != peer.Email || actor.HasSecondFactor() || actor.SignedInWith(account.ByEmailCode) {
			t.Errorf("came back as %+v", actor)
		}
		if enters(t, r, peer, before) {
			t.Error("a session from before goes on")
		}
		wantFault(t, second(r.FinishRecovery(c, half, code, browser("192.0.2.9"))), "half-ended")
		_, err = enterWith(t, r, showing(t, r, k))
		wantFault(t, err, "passkey-wrong")
		if n := scan[int](t, r, `SELECT (SELECT COUNT(*) FROM authenticators) + (SELECT COUNT(*) FROM recovery_codes) + (SELECT COUNT(*) FROM passkeys) + (SELECT COUNT(*) FROM recovery_links) + (SELECT COUNT(*) FROM recovery_consents)`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		r.RunJobs()
		told(t, r, peer.Email, "Your second factor was removed")
		told(t, r, third.Email, "Pat came back without their second factor")
		log, _, err := r.AuditLog(c, admin.Actor(), account.AuditFilter{SubjectID: id})
		if must(t, err); len(log) < 2 || log[0].Action != account.RecoveryDone || log[1].Action != account.RecoveryStarted || log[1].ActorName != admin.Name {
			t.Errorf("the log has %+v", log)
		}
	})
}

// TestA40OneAccountDoesNotDecideForAnother: a second factor guards every account of its owner, so an admin of one, who may run its mail too,
// gets nowhere without an admin of each other, or the provider.
func TestA40OneAccountDoesNotDecideForAnother(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		harbour, north := r.Open("harbour"), r.Open("northside")
		jo := r.Join(harbour, "jo@harbour.example").Check()
		jo.Enrol()
		there := r.Join(north, "jo@harbour.example")
		deputy := r.Join(north, "dee@northside.example", account.Admin)
		must(t, second(r.StartRecovery(c, harbour.Actor(), jo.ID())))
		half, step := stuck(t, r, jo.Email)
		if step.Recovers || !strings.Contains(step.Recovery, "each account") {
			t.Errorf("with one account's word: %+v", step)
		}
		waits := func(why string) {
			t.Helper()
			if err := r.SendRecoveryCode(c, half, browser("192.0.2.9")); !isFault(err, "recovery-waits") {
				t.Errorf("%s: %v", why, err)
			}
		}
		waits("with one account's word")
		r.RunJobs()
		told(t, r, north.Email, "Recover the sign-in of Jo?")
		for _, m := range r.Mails.To(north.Email) {
			if strings.Contains(m.Text, "Harbour Group") || strings.Contains(m.Text, harbour.Email) {
				t.Errorf("northside is told where else Jo belongs: %s", m.Text)
			}
		}
		if rec, err := r.Recovery(c, north.Actor(), there.ID()); err != nil || !rec.Open || rec.Agreed || !rec.Waits || rec.StartedBy != "An admin of another account" {
			t.Errorf("northside sees %+v, %v", rec, err)
		}
		if log, _, err := r.AuditLog(c, north.Actor(), account.AuditFilter{SubjectID: there.ID()}); err != nil || log[0].Action != account.RecoveryStarted || log[0].ActorName != "An admin of another account" {
			t.Errorf("northside's log has %+v, %v", log, err)
		}
		place := there.ID()
		paused, active := account.Deactivated, account.Active
		must(t, second(r.ChangeHubUser(c, north.Actor(), place, account.Change{State: &paused}, 0)))
		waits("deactivated in the other account")
		must(t, second(r.ChangeHubUser(c, north.Actor(), place, account.Change{State: &active}, 0)))

		must(t, second(r.StartRecovery(c, deputy.Check().Actor(), place)))
		r.RunJobs()
		if got := strings.Join(r.Mails.Subjects(harbour.Email), "; "); strings.Contains(got, "Recover the sign-in of Jo?") {
			t.Errorf("harbour, which began, is asked: %s", got)
		}
		must(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")))
		code := r.Code(jo.Email)
		must(t, second(r.ChangeHubUser(c, north.Actor(), deputy.ID(), roles(), 0)))
		wantFault(t, second(r.FinishRecovery(c, half, code, browser("192.0.2.9"))), "recovery-waits") // who agreed is no admin any more
		must(t, second(r.StartRecovery(c, north.Actor(), place)))
		far := r.Open("far")
		r.Join(far, jo.Email)
		wantFault(t, second(r.FinishRecovery(c, half, code, browser("192.0.2.9"))), "recovery-waits") // joined since
		staff := r.Staff("ines@provider.example")
		wantFault(t, second(r.StartRecoveryOf(c, staff, person(t, r, jo).PersonID)), "check-needed")
		must(t, second(r.StartRecoveryOf(c, account.Operate(), person(t, r, jo).PersonID))) // the provider's word stands for all
		in, err := r.FinishRecovery(c, half, code, browser("192.0.2.9"))
		if must(t, err); in.Session == "" {
			t.Error("no session")
		}

		lee := r.Join(harbour, "lee@harbour.example").Check()
		lee.Enrol()
		must(t, second(r.StartRecovery(c, harbour.Actor(), lee.ID())))
		must(t, second(r.RemoveHubUser(c, harbour.Actor(), lee.ID(), 0)))
		half, _ = stuck(t, r, lee.Email)
		waits("of nobody's account any more")
	})
}

// TestA40RecoveryNeedsTwoProofs: whoever only reads the mailbox, and set the password from it, is nobody yet. Then the provider has to have
// looked who it is, and a day passes.
func TestA40RecoveryNeedsTwoProofs(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example").Check()
		app := jo.Enrol()
		must(t, second(r.SetPassword(c, asked(t, r, jo.Email), accounttest.Password, browser("192.0.2.9"))))
		must(t, second(r.StartRecovery(c, admin.Actor(), scan[string](t, r, `SELECT id FROM memberships WHERE email = 'jo@harbour.example'`))))
		half, step := stuck(t, r, jo.Email)
		if step.Recovers || !strings.Contains(step.Recovery, "provider") {
			t.Errorf("with the mailbox alone: %+v", step)
		}
		wantFault(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")), "recovery-provider")
		who := scan[string](t, r, `SELECT id FROM people WHERE email = 'jo@harbour.example'`)
		must(t, second(r.StartRecoveryOf(c, account.Operate(), who)))
		wantFault(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")), "recovery-early")
		r.Clock.Advance(24 * time.Hour)
		half, step = stuck(t, r, jo.Email)
		if !step.Recovers {
			t.Errorf("after a day: %+v", step)
		}

		// The app turns up: no recovery any more, and the password has been shown together with it.
		in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
		in = wantHalf(t, r, app, in, err)
		wantFault(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")), "recovery-none")
		must(t, second(r.StartRecovery(c, admin.SignIn().Check().Actor(), scan[string](t, r, `SELECT id FROM memberships WHERE email = 'jo@harbour.example'`))))
		half, _ = stuck(t, r, jo.Email)
		must(t, second(recovered(t, r, jo.Email, half)))
		if _, err := r.SignedIn(c, in.Session, accounttest.Address); err == nil {
			t.Error("a session from before goes on")
		}
	})
}

// TestA40RecoveriesStop: by the person's mail or page, by admins, by the provider, by another address, and by themselves.
func TestA40RecoveriesStop(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example").Check()
		app := jo.Enrol()
		member, who := jo.ID(), person(t, r, jo).PersonID
		staff := r.Staff("ines@provider.example")
		for name, stop := range map[string]func() error{
			"by mail":         func() error { return r.StopRecoveryByLink(c, r.RecoveryToken(jo.Email), browser("203.0.113.5")) },
			"by the person":   func() error { return r.StopOwnRecovery(c, person(t, r, jo)) },
			"by an admin":     func() error { return second(r.StopRecovery(c, admin.Actor(), member)) },
			"by the provider": func() error { return r.StopRecoveryOf(c, account.Operate(), who) },
			"with the app": func() error {
				in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
				wantHalf(t, r, app, in, err)
				return nil
			},
			"by time": func() error { r.Clock.Advance(72 * time.Hour); return nil },
		} {
			r.Clock.Advance(time.Hour)
			must(t, second(r.StartRecovery(c, admin.SignIn().Check().Actor(), member)))
			half, _ := stuck(t, r, jo.Email)
			must(t, r.SendRecoveryCode(c, half, browser("192.0.2.9")))
			code := r.Code(jo.Email)
			if err := stop(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := second(r.FinishRecovery(c, half, code, browser("192.0.2.9"))); !isFault(err, "recovery-none") && !isFault(err, "half-ended") {
				t.Errorf("%s: %v", name, err)
			}
			if rec, err := r.RecoveryOf(c, account.Operate(), who); err != nil || rec.Open {
				t.Errorf("%s: %+v, %v", name, rec, err)
			}
			wantFault(t, second(r.RecoveryLink(c, r.RecoveryToken(jo.Email))), "recovery-link-unknown")
		}
		wantFault(t, second(r.StopRecovery(c, admin.SignIn().Actor(), member)), "recovery-none")
		wantFault(t, second(r.StartRecoveryOf(c, staff, staff.PersonID)), "not-found") // colleagues are the operator's
		wantFault(t, second(r.StartRecoveryOf(c, admin.Actor(), who)), "not-found")
		r.RunJobs()
		told(t, r, admin.Email, "The recovery of Jo was stopped")
	})
}

// For the provider's own people only whoever runs the server starts a recovery.
func TestA40TheOperatorRecoversStaff(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		ines, sam := r.Staff("ines@provider.example"), r.Staff("sam@provider.example")
		b := browser("192.0.2.9")
		for _, a := range []account.Actor{ines, sam} {
			must(t, r.SendCode(c, a, b))
			must(t, second(r.ConfirmCode(c, a, r.Code(a.Email))))
		}
		must(t, r.StartAuthenticator(c, ines))
		made, err := r.PendingAuthenticator(c, ines)
		must(t, err)
		_, _, err = r.ConfirmAuthenticator(c, ines, r.App(made.Secret).Code(), b)
		must(t, err)
		wantFault(t, second(r.StartRecoveryOf(c, sam, ines.PersonID)), "not-found")
		must(t, second(r.StartRecoveryOf(c, account.Operate(), ines.PersonID)))
		half, _ := stuck(t, r, ines.Email)
		in, err := recovered(t, r, ines.Email, half)
		must(t, err)
		if back, err := r.SignedIn(c, in.Session, accounttest.Address); err != nil || back.Kind != account.Staff || back.HasSecondFactor() {
			t.Errorf("came back as %+v, %v", back, err)
		}
	})
}
