package account_test

import (
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		operator := account.Operate().Inside(admin.Account)
		k, secret, err := r.MakeKey(t.Context(), operator, admin.ID(), "CRM", []account.Permission{account.ViewHubUsers, account.ChangeHubUsers}, time.Hour)
		must(t, err)
		actor, err := r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")
		must(t, err)
		if actor.Name != "API key CRM" || actor.KeyID != k.ID || actor.PersonID != admin.Actor().PersonID || actor.Address != "192.0.2.20" || actor.Kind != account.Key {
			t.Errorf("acts as %+v", actor)
		}
		must(t, third(r.People(t.Context(), actor, account.PeopleFilter{})))
		must(t, second(r.ChangeHubUser(t.Context(), actor, jo.ID(), account.Change{Name: ptr("Joe")}, 0)))
		f := wantFault(t, second(r.Room.Invite(t.Context(), actor, invite("x@harbour.example"))), "scope-missing", "hub-users.invite")
		if f.Kind != fault.Forbidden {
			t.Errorf("%+v", f)
		}
		wantFault(t, third(r.AuditLog(t.Context(), actor, account.AuditFilter{})), "scope-missing")
		if e := last(actions(t, r, admin)); e.Sentence() != "API key CRM renamed Jo to Joe" || e.ActorKind != account.Key || e.ActorID != actor.PersonID {
			t.Errorf("the audit log tells %+v", e)
		}

		// The key is this account's only, and ends at the millisecond.
		if _, err := r.UseKey(t.Context(), secret, "northside", "192.0.2.20"); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account: %v", err)
		}
		r.Clock.Advance(time.Hour - time.Millisecond)
		must(t, second(r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")))
		r.Clock.Advance(time.Millisecond)
		wantFault(t, second(r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")), "key-unknown", "expired or revoked")
		list, _, err := r.APIKeys(t.Context(), operator, account.KeyFilter{})
		must(t, err)
		if len(list) != 1 || list[0].LastUsedAt == 0 || list[0].Name != "CRM" || len(list[0].Scopes) != 2 {
			t.Errorf("keys: %+v", list)
		}
	})
}

func last[T any](list []T) (v T) {
	if len(list) > 0 {
		v = list[len(list)-1]
	}
	return v
}

// A key can never do more than its maker can at that moment, and dies with the maker's membership.
func TestKeyFollowsItsMaker(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		id := kim.ID()
		secret, was := r.Key(kim)
		use := func() (account.Actor, error) { return r.UseKey(t.Context(), secret, "harbour", "192.0.2.20") }
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(account.Billing), 0)))
		demoted, err := use()
		must(t, err)
		for _, actor := range []account.Actor{demoted, was} { // also a request that was on its way
			if err := second(r.Room.Invite(t.Context(), actor, invite("x@harbour.example"))); !fault.Is(err, fault.Forbidden) {
				t.Errorf("a demoted maker's key invites: %v", err)
			}
		}
		wantFault(t, third(r.People(t.Context(), demoted, account.PeopleFilter{})), "role-missing")
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Deactivated), 0)))
		wantFault(t, second(use()), "key-unknown")
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Active), 0)))
		must(t, second(use()))
		must(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), id, 0)))
		wantFault(t, second(use()), "key-unknown")
		r.Join(admin, "kim@harbour.example", account.Admin) // who comes back is another membership
		wantFault(t, second(use()), "key-unknown")
	})
}

func TestA38RevokeKey(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, north := r.Open("harbour"), r.Open("northside")
		secret, actor := r.Key(admin)
		if err := r.RevokeKey(t.Context(), account.Operate().Inside(north.Account), actor.KeyID); !fault.Is(err, fault.NotFound) {
			t.Errorf("revoked through another account: %v", err)
		}
		must(t, second(r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")))
		operator := account.Operate().Inside(admin.Account)
		must(t, r.RevokeKey(t.Context(), operator, actor.KeyID))
		wantFault(t, second(r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")), "key-unknown")
		if err := r.RevokeKey(t.Context(), operator, actor.KeyID); !fault.Is(err, fault.NotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		// A request that was under way when the key was revoked changes nothing.
		if _, err := r.Room.Invite(t.Context(), actor, account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}}}); !fault.Is(err, fault.NotFound) {
			t.Errorf("a revoked key invites: %v", err)
		}
		log := actions(t, r, admin)
		if len(log) != 2 || log[0].Sentence() != "Operator made the API key Test key" || log[0].After != "for Admin" || log[1].Sentence() != "Operator revoked the API key Test key" {
			t.Errorf("the audit log tells %+v", log)
		}
	})
}

func TestMakeKeyRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, north := r.Open("harbour"), r.Open("northside")
		operator := account.Operate().Inside(admin.Account)
		id := admin.ID()
		for _, c := range []struct {
			actor  account.Actor
			maker  string
			name   string
			scopes []account.Permission
			life   time.Duration
			code   string
		}{
			{operator, id, "", nil, 0, "name-empty"},
			{operator, id, "x@y.example", nil, 0, "name-link"},
			{operator, id, "CRM", []account.Permission{"all"}, 0, "scope-unknown"},
			{operator, id, "CRM", []account.Permission{""}, 0, "scope-unknown"},
			{operator, id, "CRM", nil, 367 * day, "key-life"},
			{operator, id, "CRM", nil, -1, "key-life"},
			{operator, north.ID(), "CRM", nil, 0, "not-found"},
			{admin.Actor(), id, "CRM", nil, 0, "not-found"},
		} {
			_, secret, err := r.MakeKey(t.Context(), c.actor, c.maker, c.name, c.scopes, c.life)
			if wantFault(t, err, c.code); secret != "" {
				t.Errorf("%s, and a secret", c.code)
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM api_keys`); n != 0 {
			t.Errorf("refusals left %d keys", n)
		}
		k, _, err := r.MakeKey(t.Context(), operator, id, "CRM", nil, 0)
		if must(t, err); k.ExpiresAt-k.CreatedAt != (90 * day).Milliseconds() {
			t.Errorf("a key without a life works %v", time.Duration(k.ExpiresAt-k.CreatedAt)*time.Millisecond)
		}
	})
}
