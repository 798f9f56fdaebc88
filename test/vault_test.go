package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// vault holds tokens of every kind, alive and dead.
type vault struct {
	*accounttest.Rig
	harbour, north *accounttest.User
	jo             *accounttest.User // a standard user of harbour
	lee            *accounttest.User // whom northside invites, and whose sessions and links they are
}

const many = 8 // tokens of each kind and fate

func newVault(t *testing.T, r *accounttest.Rig) *vault {
	t.Helper()
	v := &vault{Rig: r, harbour: r.Open("harbour"), north: r.Open("northside")}
	v.jo = r.Join(v.harbour, "jo@harbour.example")
	v.lee = r.Join(v.harbour, "lee@harbour.example")
	return v
}

func (v *vault) secrets(t *testing.T) []secret {
	t.Helper()
	phones := v.setUpLinks(t)
	return append([]secret{v.invitations(t), v.keys(t), v.directories(t), v.cursors(t), v.links(t), v.codes(t), v.sessions(t), v.devices(t)}, phones...)
}

func (v *vault) everybodySignsIn() {
	for _, u := range []*accounttest.User{v.north, v.harbour, v.lee, v.jo} {
		u.SignIn()
	}
	v.Clock.Advance(time.Minute)
	v.north.Check()
	v.harbour.Check()
}

// invitations makes links into northside. One works, for lee, who tries all.
func (v *vault) invitations(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	admin := v.north.Actor()
	for i := range many {
		invite := func(what string, end func(account.Invitation, string) error) {
			made, token := v.Invite(v.north, fmt.Sprintf("%s%d@x.example", what, i))
			dead[what] = append(dead[what], token)
			if end != nil {
				check(t, end(made, token))
			}
		}
		invite("expired", nil)
		invite("cancelled", func(made account.Invitation, _ string) error {
			_, err := v.Cancel(t.Context(), admin, made.ID, 0)
			return err
		})
		invite("declined", func(made account.Invitation, token string) error {
			_, err := v.Decline(t.Context(), token, made.Email)
			return err
		})
	}
	kim := v.Join(v.north, "kim@northside.example", account.Admin).Check()
	for i := range many {
		_, token := v.Invite(kim, fmt.Sprintf("voided%d@x.example", i))
		dead["voided"] = append(dead["voided"], token)
	}
	_, err := v.ChangeHubUser(t.Context(), admin, kim.ID(), account.Change{Roles: &account.Roles{}}, 0)
	check(t, err)
	for range many { // lee comes and goes
		made, token := v.Invite(v.north, "lee@harbour.example")
		v.Clock.Advance(time.Minute)
		_, err := v.Resend(t.Context(), admin, made.ID, 0)
		check(t, err)
		dead["superseded"] = append(dead["superseded"], token)
		token = v.Token(made.ID)
		w, err := v.Welcome(t.Context(), token)
		check(t, err)
		_, err = v.AcceptAs(t.Context(), v.lee.Actor(), token, w.Shown)
		check(t, err)
		dead["replayed"] = append(dead["replayed"], token)
		_, err = v.RemoveHubUser(t.Context(), admin, v.lee.As(v.north.Account).ID(), 0)
		check(t, err)
	}
	v.Clock.Advance(8 * 24 * time.Hour)
	v.everybodySignsIn()
	var shown string
	var lee account.Actor
	var live string
	arm := func() []string {
		v.everybodySignsIn()
		for i := range many {
			_, token := v.Invite(v.harbour, fmt.Sprintf("other%d@x.example", i)) // alive, but not lee's
			dead["other account"] = append(dead["other account"], token)
		}
		_, live = v.Invite(v.north, "lee@harbour.example")
		w, err := v.Welcome(t.Context(), live)
		check(t, err)
		shown, lee = w.Shown, v.lee.Actor()
		return []string{live}
	}
	return secret{kind: "invitation", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.AcceptAs(t.Context(), lee, token, shown)
		return err == nil
	}}
}

func (v *vault) keys(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	make := func(u *accounttest.User, life time.Duration) (account.APIKey, string) {
		k, token, err := v.MakeKey(t.Context(), account.Operate().Inside(u.Account), u.ID(), "Key", nil, life)
		check(t, err)
		return k, token
	}
	for range many {
		k, token := make(v.harbour, 0)
		check(t, v.RevokeKey(t.Context(), account.Operate().Inside(v.harbour.Account), k.ID))
		dead["cancelled"] = append(dead["cancelled"], token)
		_, token = make(v.harbour, time.Second)
		dead["expired"] = append(dead["expired"], token)
		_, token = make(v.north, 0)
		dead["other account"] = append(dead["other account"], token)
	}
	v.Clock.Advance(time.Minute)
	arm := func() (live []string) {
		for range many {
			_, token := make(v.harbour, 0)
			live = append(live, token)
		}
		return live
	}
	return secret{kind: "API key", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.UseKey(t.Context(), token, "harbour", accounttest.Address)
		return err == nil
	}}
}

// directories makes tokens of directory sync. One account has one that works.
func (v *vault) directories(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	admin := v.harbour.Check().Actor()
	sync := account.DirectorySettings{Domains: "harbour.example"}
	on := func(life time.Duration) string {
		_, token, err := v.TurnOnDirectory(t.Context(), admin, sync, life)
		check(t, err)
		return token
	}
	for i := range many {
		dead["turned off"] = append(dead["turned off"], on(0))
		check(t, v.TurnOffDirectory(t.Context(), admin))
		dead["superseded"] = append(dead["superseded"], on(0))
		_, token, err := v.NewDirectoryToken(t.Context(), admin, time.Second)
		check(t, err)
		if i == 0 {
			dead["expired"] = append(dead["expired"], token)
			v.Clock.Advance(time.Minute)
		} else {
			dead["superseded"] = append(dead["superseded"], token)
		}
		check(t, v.TurnOffDirectory(t.Context(), admin))
	}
	arm := func() []string {
		v.everybodySignsIn()
		admin, north := v.harbour.Actor(), v.north.Actor()
		_, token, err := v.TurnOnDirectory(t.Context(), north, account.DirectorySettings{Domains: "northside.example"}, 366*24*time.Hour)
		check(t, err)
		dead["other account"] = []string{token}
		_, token, err = v.TurnOnDirectory(t.Context(), admin, sync, 366*24*time.Hour)
		check(t, err)
		return []string{token}
	}
	return secret{kind: "directory", arm: arm, dead: dead, opens: func(token string) bool {
		actor, err := v.UseDirectory(t.Context(), token, accounttest.Address)
		return err == nil && actor.Account.ID == v.harbour.Account.ID
	}}
}

// cursors are marks in harbour's list of people by name.
func (v *vault) cursors(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	mark := func(u *accounttest.User, f account.PeopleFilter) string {
		_, next, err := v.People(t.Context(), u.Actor(), f)
		check(t, err)
		return next
	}
	var admin account.Actor
	arm := func() (live []string) {
		for n := range many {
			v.Invite(v.north, fmt.Sprintf("row%d@x.example", n))
			dead["other account"] = append(dead["other account"], mark(v.north, account.PeopleFilter{Limit: n%3 + 1}))
			dead["other order"] = append(dead["other order"], mark(v.harbour, account.PeopleFilter{Limit: n%3 + 1, Sort: account.BySent}))
			live = append(live, mark(v.harbour, account.PeopleFilter{Limit: n%3 + 1}))
		}
		admin = v.harbour.Actor()
		return live
	}
	return secret{kind: "cursor", arm: arm, dead: dead, opens: func(token string) bool {
		_, _, err := v.People(t.Context(), admin, account.PeopleFilter{After: token})
		return err == nil && token != "" // the empty one is the beginning
	}}
}

func (v *vault) links(t *testing.T) secret {
	t.Helper()
	v.Join(v.harbour, "mo@harbour.example")
	dead := map[string][]string{}
	ask := func(email, password string) string {
		v.Clock.Advance(20 * time.Minute)
		check(t, v.AskReset(t.Context(), email, v.lee.Browser()))
		token := v.ResetToken(email)
		v.RunJobs()
		if password != "" {
			_, err := v.SetPassword(t.Context(), token, password, v.lee.Browser())
			check(t, err)
		}
		return token
	}
	for i := range 2 { // hashes cost time
		dead["replayed"] = append(dead["replayed"], ask("mo@harbour.example", fmt.Sprintf("another good %d password", i)))
		dead["superseded"] = append(dead["superseded"], ask("mo@harbour.example", ""))
	}
	dead["superseded"] = append(dead["superseded"], ask("mo@harbour.example", ""))
	dead["expired"] = append(dead["expired"], ask("lee@harbour.example", ""), ask("admin@northside.example", ""))
	v.Clock.Advance(31 * time.Minute)
	arm := func() []string { return []string{ask("mo@harbour.example", "")} }
	return secret{kind: "password link", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.PasswordLink(t.Context(), token)
		return err == nil
	}}
}

func (v *vault) sessions(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	v.lee.SignIn()
	for range 2 {
		old := v.lee.Session()
		v.lee.Check()
		dead["superseded"] = append(dead["superseded"], old) // the check gave the session a new token
		check(t, v.SignOut(t.Context(), v.lee.Session()))
		dead["replayed"] = append(dead["replayed"], v.lee.Session())
		dead["expired"] = append(dead["expired"], v.lee.SignIn().Session())
		v.Clock.Advance(7 * 24 * time.Hour)
		v.lee.SignIn()
		dead["other account"] = append(dead["other account"], v.north.SignIn().Session())
	}
	arm := func() []string { return []string{v.lee.SignIn().Session(), v.harbour.SignIn().Session()} }
	return secret{kind: "session", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.Enter(t.Context(), token, "harbour", accounttest.Address)
		return err == nil
	}}
}

// devices are the names of browsers. Lee's other sign-ins wait, so only a browser known as lee's gets as far as the password.
func (v *vault) devices(t *testing.T) secret {
	t.Helper()
	arm := func() []string {
		for range 2 {
			_, err := v.SignIn(t.Context(), "lee@harbour.example", "wrong", account.Browser{Address: accounttest.Address})
			if !isFault(err, "sign-in-failed") {
				t.Fatal(err)
			}
		}
		_, err := v.DB.ExecContext(t.Context(), `UPDATE throttles SET until_at = changed_at + 600000 WHERE key LIKE 'person:%' OR key LIKE 'pair:%'`)
		check(t, err)
		return []string{v.lee.Device()}
	}
	return secret{kind: "device", arm: arm,
		dead: map[string][]string{"other person": {v.harbour.Device(), v.north.Device(), v.jo.Device()}},
		opens: func(token string) bool {
			_, err := v.SignIn(t.Context(), "lee@harbour.example", "wrong", account.Browser{Address: accounttest.Address, Device: token})
			return !fault.Is(err, fault.TooMany)
		}}
}

// codes are what jo is mailed. They have five tries each and a hundred in a row, which is another test; here each gets all it wants.
func (v *vault) codes(t *testing.T) secret {
	t.Helper()
	var actor, other account.Actor
	code := func(a account.Actor) string {
		v.Clock.Advance(30 * time.Second)
		check(t, v.SendCode(t.Context(), a, v.lee.Browser()))
		return v.Code(a.Email)
	}
	dead := map[string][]string{}
	arm := func() []string {
		actor, other = v.lee.Actor(), v.harbour.Actor()
		for range many {
			used := code(actor)
			_, err := v.ConfirmCode(t.Context(), actor, used)
			check(t, err)
			dead["replayed"] = append(dead["replayed"], used)
			dead["superseded"] = append(dead["superseded"], code(actor))
			dead["other person"] = append(dead["other person"], code(other))
		}
		live := code(actor)
		for what, codes := range dead { // six figures meet by chance
			for i, c := range codes {
				if c == live {
					dead[what][i] = live + "0"
				}
			}
		}
		return []string{live}
	}
	return secret{kind: "step-up code", arm: arm, dead: dead,
		opens: func(token string) bool {
			_, err := v.ConfirmCode(t.Context(), actor, token)
			return err == nil
		},
		means: strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\n", "", "\r", "").Replace,
		before: func() {
			for _, query := range []string{`UPDATE step_up_codes SET tries = 0`, `DELETE FROM throttles WHERE key LIKE 'code:%'`} {
				if _, err := v.DB.ExecContext(t.Context(), query); err != nil {
					t.Fatal(err)
				}
			}
		}}
}
