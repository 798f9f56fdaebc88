package account_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func newKey(scopes ...account.Permission) account.NewKey {
	return account.NewKey{Name: "CRM", Scopes: scopes, Life: 30 * day}
}

// Abuse cases A37 and A38: a key that a person made has no right that they lack, from the moment they lose it on, and ends with their
// membership.
func TestA37A38KeysOfPeopleFollowThem(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		boss := r.Open("harbour")
		kim := r.Join(boss, "kim@harbour.example", account.Admin).Check()
		sam := r.Join(boss, "sam@harbour.example").Check()

		f := wantFault(t, third(r.MakeOwnKey(t.Context(), sam.Actor(), newKey(account.ViewNumbers, account.ViewHubUsers))), "scope-too-much", "See who can sign in", "Account admin")
		if f.Field != "scopes" {
			t.Errorf("%+v", f)
		}
		k, secret, err := r.MakeOwnKey(t.Context(), kim.Actor(), newKey(account.ViewHubUsers, account.InviteHubUsers))
		must(t, err)
		if k.ExpiresAt-k.CreatedAt != (30*day).Milliseconds() || k.MakerID != kim.ID() {
			t.Errorf("%+v", k)
		}
		use := func() (account.Actor, error) { return r.UseKey(t.Context(), secret, "harbour", "192.0.2.20") }
		actor, err := use()
		must(t, err)
		must(t, third(r.People(t.Context(), actor, account.PeopleFilter{})))
		wantFault(t, third(r.AuditLog(t.Context(), actor, account.AuditFilter{})), "scope-missing")
		wantFault(t, third(r.MakeOwnKey(t.Context(), actor, newKey(account.ViewHubUsers))), "scope-missing") // nor with the scope: below

		must(t, second(r.ChangeHubUser(t.Context(), boss.Actor(), kim.ID(), roles(), 0)))
		actor, err = use()
		must(t, err)
		wantFault(t, third(r.People(t.Context(), actor, account.PeopleFilter{})), "role-missing")
		must(t, second(r.ChangeHubUser(t.Context(), boss.Actor(), kim.ID(), state(account.Deactivated), 0)))
		wantFault(t, second(use()), "key-unknown")
		list, _, err := r.APIKeys(t.Context(), boss.Actor(), account.KeyFilter{})
		must(t, err)
		if len(list) != 1 || list[0].MakerState != account.Deactivated || list[0].Maker != "Kim" || list[0].LastUsedAt == 0 {
			t.Errorf("%+v", list)
		}
		must(t, second(r.RemoveHubUser(t.Context(), boss.Actor(), k.MakerID, 0)))
		wantFault(t, second(use()), "key-unknown")
		told := last(actions(t, r, boss))
		for _, e := range actions(t, r, boss) {
			if e.Action == account.APIKeyMade {
				told = e
			}
		}
		if told.Sentence() != "Kim made the API key CRM" || told.After != "hub-users.view hub-users.invite" {
			t.Errorf("the log tells %+v", told)
		}
	})
}

func TestKeysOfPeople(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		boss, north := r.Open("harbour"), r.Open("northside")
		sam, lee := r.Join(boss, "sam@harbour.example").Check(), r.Join(boss, "lee@harbour.example", account.Billing).Check()
		make := func(u *accounttest.User) account.APIKey {
			t.Helper()
			k, _, err := r.MakeOwnKey(t.Context(), u.Actor(), newKey(account.ViewHome))
			must(t, err)
			r.Clock.Advance(time.Second)
			return k
		}
		kb, ks, kl := make(boss.Check()), make(sam), make(lee)
		ids := func(u account.Actor, f account.KeyFilter) (ids []string) {
			t.Helper()
			for {
				list, next, err := r.APIKeys(t.Context(), u, f)
				must(t, err)
				for _, k := range list {
					ids = append(ids, k.ID)
				}
				if f.After = next; next == "" {
					return ids
				}
			}
		}
		if got := ids(boss.Actor(), account.KeyFilter{Limit: 2}); !slices.Equal(got, []string{kl.ID, ks.ID, kb.ID}) {
			t.Errorf("an admin sees %q", got)
		}
		if got := ids(boss.Actor(), account.KeyFilter{Own: true}); !slices.Equal(got, []string{kb.ID}) {
			t.Errorf("an admin's own are %q", got)
		}
		if got := ids(sam.Actor(), account.KeyFilter{}); !slices.Equal(got, []string{ks.ID}) {
			t.Errorf("sam sees %q", got)
		}
		for _, c := range []struct {
			who account.Actor
			id  string
		}{{sam.Actor(), kb.ID}, {sam.Actor(), kl.ID}, {north.Actor(), ks.ID}} {
			if err := r.RevokeKey(t.Context(), c.who, c.id); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s revokes somebody else's key: %v", c.who.Name, err)
			}
		}
		must(t, r.RevokeKey(t.Context(), sam.Actor(), ks.ID))
		must(t, r.RevokeKey(t.Context(), boss.Actor(), kl.ID))

		// A key may end keys, itself too, as far as its scopes go, and make none.
		secret, _ := r.Key(lee, account.OwnKeys)
		actor, err := r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")
		must(t, err)
		wantFault(t, third(r.MakeOwnKey(t.Context(), actor, newKey(account.ViewHome))), "person-needed")
		if got := ids(actor, account.KeyFilter{}); !slices.Equal(got, []string{actor.KeyID, kl.ID}) {
			t.Errorf("lee's key sees %q", got)
		}
		must(t, r.RevokeKey(t.Context(), actor, actor.KeyID))
		wantFault(t, second(r.UseKey(t.Context(), secret, "harbour", "192.0.2.20")), "key-unknown")
	})
}

func TestMakeOwnKeyRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		boss := r.Open("harbour")
		for name, c := range map[string]struct {
			in   account.NewKey
			code string
		}{
			"no name":    {account.NewKey{Scopes: []account.Permission{account.ViewHome}}, "name-empty"},
			"no scope":   {account.NewKey{Name: "CRM"}, "scopes-empty"},
			"any scope":  {newKey("all"), "scope-unknown"},
			"too long":   {account.NewKey{Name: "CRM", Scopes: []account.Permission{account.ViewHome}, Life: 367 * day}, "key-life"},
			"too short":  {account.NewKey{Name: "CRM", Scopes: []account.Permission{account.ViewHome}, Life: -day}, "key-life"},
			"not one's ": {newKey(account.ViewHome, "billing.pay"), "scope-unknown"},
		} {
			_, secret, err := r.MakeOwnKey(t.Context(), boss.Check().Actor(), c.in)
			if wantFault(t, err, c.code); secret != "" {
				t.Errorf("%s: and a secret", name)
			}
			r.Clock.Advance(time.Minute)
		}
		for i := range 20 {
			if i%5 == 0 {
				boss.Check()
			}
			must(t, third(r.MakeOwnKey(t.Context(), boss.Actor(), newKey(account.ViewHome))))
			r.Clock.Advance(time.Minute)
		}
		wantFault(t, third(r.MakeOwnKey(t.Context(), boss.Check().Actor(), newKey(account.ViewHome))), "keys-own", "20 API keys")
		operator := account.Operate().Inside(boss.Account)
		id := boss.ID()
		for i := range 80 {
			must(t, third(r.MakeKey(t.Context(), operator, id, fmt.Sprint("k", i), nil, 0)))
		}
		sam := r.Join(boss, "sam@harbour.example").Check()
		wantFault(t, third(r.MakeOwnKey(t.Context(), sam.Actor(), newKey(account.ViewHome))), "keys-all", "100 API keys")
		r.Clock.Advance(31 * minute)
		wantFault(t, third(r.MakeOwnKey(t.Context(), sam.Actor(), newKey(account.ViewHome))), "keys-all")
		r.Clock.Advance(91 * day) // they are over
		sam = sam.SignIn()
		wantFault(t, third(r.MakeOwnKey(t.Context(), sam.Actor(), newKey(account.ViewHome))), "check-needed")
		must(t, third(r.MakeOwnKey(t.Context(), sam.Check().Actor(), newKey(account.ViewHome))))
	})
}
