package account_test

import (
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// Signing a colleague out counts on their next request, wherever they are signed in, and until they sign in again. Other people, and the
// person's sessions in other accounts, go on.
func TestSigningAHubUserOut(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin, north := r.Open("harbour"), r.Open("northside")
		jo, kim := r.Join(admin, "jo@harbour.example", account.Admin), r.Join(admin, "kim@harbour.example")
		first := jo.Session()
		jo.SignIn()
		inHarbour := jo.Check().Actor()
		_, key := r.Key(jo)
		if _, err := r.SignOutHubUser(c, admin.SignIn().Actor(), jo.ID()); !fault.Is(err, fault.StepUp) {
			t.Errorf("without a fresh check: %v", err)
		}
		wantFault(t, second(r.SignOutHubUser(c, admin.Check().Actor(), admin.ID())), "own-sessions")
		wantFault(t, second(r.SignOutHubUser(c, north.Check().Actor(), jo.ID())), "not-found")
		must(t, second(r.SignOutHubUser(c, admin.Check().Actor(), jo.ID())))
		for _, session := range []string{first, jo.Session()} {
			wantFault(t, second(r.Enter(c, session, "harbour", accounttest.Address)), "signed-out")
			wantFault(t, second(r.SignedIn(c, session, accounttest.Address)), "signed-out")
		}
		wantFault(t, second(r.Again(c, inHarbour)), "signed-out")
		// What came in a moment ago changes nothing any more.
		wantFault(t, second(r.RemoveHubUser(c, inHarbour, kim.ID(), 0)), "membership-restricted", "signed you out")
		must(t, second(r.Enter(c, kim.Session(), "harbour", accounttest.Address)))
		must(t, second(r.HubUserByID(c, key, kim.ID()))) // a key has an end of its own
		r.RunJobs()
		if got := r.Mails.Subjects(jo.Email); len(got) == 0 || got[0] != "You were signed out of "+admin.Account.Name {
			t.Errorf("mails %q", got)
		}
		r.Clock.Advance(minute)
		back := jo.SignIn().Actor()
		if back.Restricted() {
			t.Errorf("after signing in again: %v", back.Needs)
		}
		events, err := r.OwnEvents(c, back)
		if must(t, err); events[1].Words() != "Signed out by "+admin.Actor().Name+" of "+admin.Account.Name {
			t.Errorf("events %v", events)
		}
		log, _, err := r.AuditLog(c, admin.Actor(), account.AuditFilter{SubjectID: jo.ID(), Limit: 1})
		if must(t, err); len(log) != 1 || log[0].Action != account.HubUserSignedOut {
			t.Errorf("the audit log has %v", log)
		}
		id, off := jo.ID(), account.Deactivated
		must(t, second(r.ChangeHubUser(c, admin.Check().Actor(), id, account.Change{State: &off}, 0)))
		wantFault(t, second(r.SignOutHubUser(c, admin.Check().Actor(), id)), "sessions-none")
		must(t, second(r.RemoveHubUser(c, admin.Check().Actor(), id, 0)))
		wantFault(t, second(r.SignOutHubUser(c, admin.Check().Actor(), id)), "not-found")
	})
}

// One account ends nothing in another: there the same session goes on, and here it asks to sign in again.
func TestSigningOutOfOneAccountLeavesTheOthers(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin, north := r.Open("harbour"), r.Open("northside")
		jo := r.Join(admin, "jo@harbour.example")
		_, token := r.Invite(north, jo.Email)
		w, err := r.Welcome(c, token)
		must(t, err)
		must(t, second(r.AcceptAs(c, person(t, r, jo), token, w.Shown)))
		must(t, second(r.SignOutHubUser(c, admin.Check().Actor(), jo.ID())))
		here, err := r.Enter(c, jo.Session(), "harbour", accounttest.Address)
		if must(t, err); len(here.Needs) != 1 || here.Needs[0] != account.NeedSignIn || here.Can(account.ViewHome) {
			t.Errorf("here: %v", here.Needs)
		}
		there, err := r.Enter(c, jo.Session(), "northside", accounttest.Address)
		if must(t, err); there.Restricted() {
			t.Errorf("in the other account: %v", there.Needs)
		}
		r.Clock.Advance(minute)
		if back := jo.SignIn().Actor(); back.Restricted() {
			t.Errorf("after signing in again: %v", back.Needs)
		}
	})
}
