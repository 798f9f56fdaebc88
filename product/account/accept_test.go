package account_test

import (
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestAcceptAsANewPerson(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, token := r.Invite(admin, "jo@harbour.example", account.Billing)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		if w.Known || w.Account.Name != "Harbour Group" || w.Invitation.Roles.String() != "Billing" || w.Invitation.InviterName != "Admin" {
			t.Errorf("the page shows %+v", w)
		}
		for _, c := range []struct{ name, password, code string }{
			{"", accounttest.Password, "name-empty"},
			{"https://evil.example", accounttest.Password, "name-link"},
			{"Jo", "", "password-empty"},
			{"Jo", "short", "password-short"},
			{"Jo", "harbour group 1", "password-common"},
		} {
			_, _, err := r.AcceptNew(t.Context(), token, w.Shown, c.name, c.password, browser("192.0.2.9"))
			wantFault(t, err, c.code)
		}
		_, _, err = r.AcceptNew(t.Context(), token, "", "Jo", accounttest.Password, browser("192.0.2.9"))
		wantFault(t, err, "invitation-changed")
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people`); n != 1 {
			t.Fatalf("refused forms left %d people", n)
		}
		r.Clock.Advance(minute)
		in, _, err := r.AcceptNew(t.Context(), token, w.Shown, " Jo  Baptiste ", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9")
		must(t, err)
		u, err := r.HubUserByID(t.Context(), admin.Actor(), actor.MembershipID)
		must(t, err)
		now := r.Clock.Now().UnixMilli()
		if u.Name != "Jo Baptiste" || u.Roles.String() != "Billing" || u.State != account.Active || u.InvitedBy != "Admin" ||
			u.InvitedAt != w.Invitation.SentAt || u.AcceptedAt != now || u.LastSignedInAt != now || actor.Checked {
			t.Errorf("joined as %+v, acting as %+v", u, actor)
		}
		log := actions(t, r, admin)
		if e := log[1]; e.Sentence() != "Jo Baptiste accepted the invitation" || e.After != "Billing" || e.ActorID != u.PersonID || e.Address != "192.0.2.9" {
			t.Errorf("the audit log tells %+v", e)
		}
		r.RunJobs()
		if got := r.Mails.Subjects("admin@harbour.example"); len(got) != 2 || got[0] != "Jo Baptiste joined Harbour Group" {
			t.Errorf("the inviter got %q", got)
		}
	})
}

// A link works once, whoever tries again and however.
func TestA16AcceptedLinkIsUsed(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, token := r.Invite(admin, "jo@harbour.example")
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		_, _, err = r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		for _, err := range []error{
			second(r.Welcome(t.Context(), token)),
			third(r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))),
			third(r.AcceptSigningIn(t.Context(), token, w.Shown, accounttest.Password, browser("192.0.2.9"))),
			second(r.AcceptAs(t.Context(), admin.Actor(), token, w.Shown)),
			second(r.Decline(t.Context(), token, "jo@harbour.example")),
		} {
			wantFault(t, err, "invitation-accepted", "already been used", "Sign in")
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM memberships`); n != 2 {
			t.Errorf("%d memberships", n)
		}
	})
}

func TestAcceptAsAKnownPerson(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, northside := r.Open("harbour"), r.Open("northside")
		jo := r.Join(harbour, "jo@harbour.example", account.Admin)
		_, token := r.Invite(northside, "jo@harbour.example")
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		if !w.Known {
			t.Error("the page offers a person with a password to choose one")
		}
		_, _, err = r.AcceptNew(t.Context(), token, w.Shown, "Jo", "another good password 7", browser("192.0.2.9"))
		wantFault(t, err, "person-known", "Sign in")
		in, _, err := r.AcceptSigningIn(t.Context(), token, w.Shown, "wrong password 12345", browser("192.0.2.9"))
		wantFault(t, err, "sign-in-failed")
		if in.Session != "" {
			t.Error("a wrong password gave a session")
		}
		in, _, err = r.AcceptSigningIn(t.Context(), token, w.Shown, accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		north, err := r.Enter(t.Context(), in.Session, "northside", "192.0.2.9")
		must(t, err)
		there, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9")
		must(t, err)
		if north.PersonID != jo.Actor().PersonID || north.Roles.String() != "Standard" || there.Roles.String() != "Admin" || north.Name != "Jo" {
			t.Errorf("in northside %+v, in harbour %+v", north, there)
		}
		list, err := r.Belongings(t.Context(), north)
		must(t, err)
		if len(list) != 2 || list[0].Slug != "harbour" || list[1].Slug != "northside" || list[0].Roles.String() != "Admin" || list[1].Roles.String() != "Standard" {
			t.Errorf("the switcher shows %+v", list)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people WHERE email = 'jo@harbour.example'`); n != 1 {
			t.Errorf("one person has become %d", n)
		}
	})
}

func TestAcceptWhileSignedIn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, northside := r.Open("harbour"), r.Open("northside")
		jo := r.Join(harbour, "jo@harbour.example")
		lee := r.Join(harbour, "lee@harbour.example")
		_, token := r.Invite(northside, "jo@harbour.example", account.Admin)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		f := wantFault(t, second(r.AcceptAs(t.Context(), lee.Actor(), token, w.Shown)), "invitation-other-address",
			"for jo@harbour.example", "signed in as lee@harbour.example", "Sign out")
		if f.Kind != fault.Forbidden {
			t.Errorf("%+v", f)
		}
		wantFault(t, second(r.AcceptAs(t.Context(), account.Actor{}, token, w.Shown)), "signed-out")
		wantFault(t, second(r.AcceptAs(t.Context(), jo.Actor(), token, "other")), "invitation-changed")
		if n := scan[int](t, r, `SELECT COUNT(*) FROM memberships WHERE account_id = $1`, northside.Account.ID); n != 1 {
			t.Fatalf("refusals left %d memberships", n)
		}
		must(t, second(r.AcceptAs(t.Context(), jo.Actor(), token, w.Shown)))
		if got := jo.As(northside.Account).Actor().Roles.String(); got != "Admin" {
			t.Errorf("joined as %s", got)
		}
		// Pressed twice, it is still true, and nothing happens again; for others the link is used.
		again, err := r.AcceptAs(t.Context(), jo.Actor(), token, w.Shown)
		must(t, err)
		if again.Account.Slug != "northside" || len(actions(t, r, northside)) != 2 {
			t.Errorf("accepting twice gives %+v", again)
		}
		wantFault(t, second(r.AcceptAs(t.Context(), lee.Actor(), token, w.Shown)), "invitation-accepted")
		_, err = r.Enter(t.Context(), lee.Session(), "northside", accounttest.Address)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("the other person enters: %v", err)
		}
	})
}

func TestStaffDoNotJoinAccounts(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		sam := r.Staff("sam@voice.example")
		_, token := r.Invite(admin, "sam@voice.example", account.Admin)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		wantFault(t, second(r.AcceptAs(t.Context(), sam, token, w.Shown)), "staff-join", "Provider staff stand outside accounts")
		_, _, err = r.AcceptSigningIn(t.Context(), token, w.Shown, accounttest.Password, browser("192.0.2.9"))
		wantFault(t, err, "staff-join")
	})
}

// The last millisecond counts, and the first one after it does not.
func TestA18InvitationExpiresAtTheMillisecond(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, northside := r.Open("harbour"), r.Open("northside")
		jo := r.Join(harbour, "jo@harbour.example")
		actor := jo.Actor()
		i, token := r.Invite(northside, "jo@harbour.example")
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		end := time.UnixMilli(i.ExpiresAt)
		r.Clock.Set(end)
		for _, err := range []error{
			second(r.Welcome(t.Context(), token)),
			second(r.AcceptAs(t.Context(), actor, token, w.Shown)),
			third(r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))),
			third(r.AcceptSigningIn(t.Context(), token, w.Shown, accounttest.Password, browser("192.0.2.9"))),
			second(r.Decline(t.Context(), token, "jo@harbour.example")),
		} {
			wantFault(t, err, "invitation-expired", "ran out on 29 November", "Ask Admin")
		}
		r.Clock.Set(end.Add(-time.Millisecond))
		must(t, second(r.AcceptAs(t.Context(), actor, token, w.Shown)))
	})
}

// ticking is a clock that jumps a day each time it is read, once it is wound.
type ticking struct {
	clock *accounttest.Clock
	wound bool
}

func (c *ticking) Now() time.Time {
	now := c.clock.Now()
	if c.wound {
		c.clock.Advance(day)
	}
	return now
}

// An invitation that runs out while it is being accepted says so, and nothing is left behind.
func TestInvitationExpiresBetweenReadingAndClaiming(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, northside := r.Open("harbour"), r.Open("northside")
		actor := r.Join(harbour, "jo@harbour.example").Actor()
		i, token := r.Invite(northside, "jo@harbour.example")
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		r.Clock.Set(time.UnixMilli(i.ExpiresAt).Add(-time.Millisecond))
		clock := &ticking{clock: r.Clock, wound: true}
		r.Room.Now = clock.Now
		wantFault(t, second(r.AcceptAs(t.Context(), actor, token, w.Shown)), "invitation-expired", "ran out on 29 November")
		clock.wound = false
		if n := scan[int](t, r, `SELECT COUNT(*) FROM dead_links`) + scan[int](t, r, `SELECT COUNT(*) FROM memberships WHERE account_id = $1`, i.AccountID); n != 4 {
			t.Errorf("%d rows, want the three links used before and the first admin", n)
		}
	})
}

func TestA13A14UnknownLinks(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, token := r.Invite(admin, "jo@harbour.example")
		for _, wrong := range []string{"", "hi_", token[:len(token)-1], token + "A", "hs" + token[2:], token[3:], "hi_" + admin.Session()[3:]} {
			wantFault(t, second(r.Welcome(t.Context(), wrong)), "invitation-unknown", "newest email")
			wantFault(t, second(r.AcceptAs(t.Context(), admin.Actor(), wrong, "")), "invitation-unknown")
			wantFault(t, second(r.Decline(t.Context(), wrong, "jo@harbour.example")), "invitation-unknown")
		}
	})
}

// Coming back after removal needs a new invitation and is a new membership.
func TestA39Rejoining(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example", account.Admin)
		first := jo.ID()
		token := r.Token(scan[string](t, r, `SELECT id FROM invitations WHERE email = 'jo@harbour.example'`))
		must(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), first, 0)))
		person, err := r.SignedIn(t.Context(), jo.Session(), accounttest.Address)
		must(t, err)
		wantFault(t, second(r.AcceptAs(t.Context(), person, token, "")), "invitation-accepted") // the old link is no way back
		again := r.Join(admin, "jo@harbour.example")
		if again.ID() == first || again.Actor().Roles.String() != "Standard" {
			t.Errorf("came back as %+v", again.Actor())
		}
		_, err = r.HubUserByID(t.Context(), admin.Actor(), first)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("the old membership: %v", err)
		}
	})
}
