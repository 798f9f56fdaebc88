package test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/support"
)

// ways makes the tokens of people's own ways in, of changes of address, of sign-ins that are half done, and what people read out on the
// telephone.
func (v *vault) ways(t *testing.T) []secret {
	t.Helper()
	return []secret{v.newAddresses(t), v.oldAddresses(t), v.pins(t), v.recoveryCodes(t), v.halves(t), v.states(t)}
}

// unslowed forgets that anybody tried too often.
func (v *vault) unslowed() {
	for _, query := range []string{`DELETE FROM throttles`, `UPDATE authenticators SET failures = 0`} {
		if _, err := v.DB.ExecContext(context.Background(), query); err != nil {
			panic(err)
		}
	}
}

// move asks for another address and returns the link to it.
func (v *vault) move(t *testing.T, u *accounttest.User, email string) string {
	t.Helper()
	v.Clock.Advance(time.Minute)
	check(t, v.AskEmail(t.Context(), u.Check().Actor(), email, u.Browser()))
	return v.EmailToken(email)
}

// newAddresses are links to addresses that people want to move to.
func (v *vault) newAddresses(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	var actor account.Actor
	arm := func() []string {
		v.everybodySignsIn()
		for i := range many / 2 {
			dead["superseded"] = append(dead["superseded"], v.move(t, v.jo, fmt.Sprintf("old%d@moved.example", i)))
			dead["other person"] = append(dead["other person"], v.move(t, v.lee, fmt.Sprintf("lee%d@moved.example", i)))
		}
		live := v.move(t, v.jo, "jo@moved.example")
		actor = v.jo.Actor()
		return []string{live}
	}
	return secret{kind: "new address link", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.NewEmail(t.Context(), actor, token)
		return err == nil
	}}
}

// oldAddresses are links that take a change of address back.
func (v *vault) oldAddresses(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	moved := func(name string) string {
		u := v.Join(v.harbour, name+"@harbour.example")
		_, err := v.ConfirmEmail(t.Context(), u.Check().Actor(), v.move(t, u, name+"@moved.example"), u.Browser())
		check(t, err)
		return v.EmailToken(name + "@harbour.example")
	}
	for i := range many / 4 {
		v.everybodySignsIn()
		used := moved(fmt.Sprintf("back%d", i))
		_, err := v.TakeBackEmail(t.Context(), used, v.lee.Browser())
		check(t, err)
		dead["replayed"] = append(dead["replayed"], used)
		dead["expired"] = append(dead["expired"], moved(fmt.Sprintf("late%d", i)))
	}
	v.Clock.Advance(8 * 24 * time.Hour)
	v.everybodySignsIn()
	return secret{kind: "old address link", arm: func() []string { v.everybodySignsIn(); return []string{moved("mover")} }, dead: dead, opens: func(token string) bool {
		_, err := v.OldEmail(t.Context(), token)
		return err == nil
	}}
}

// half is a sign-in of somebody that lacks the second factor.
func (v *vault) half(t *testing.T, u *accounttest.User) string {
	t.Helper()
	v.unslowed()
	in, err := v.SignIn(t.Context(), u.Email, accounttest.Password, u.Browser())
	if err != nil || in.Half == "" {
		t.Fatalf("no half sign-in: %v", err)
	}
	return in.Half
}

// plain is a recovery code as it is read: in any case, with or without its dashes.
func plain(code string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\n", "", "\r", "").Replace(code))
}

func (v *vault) recoveryCodes(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	v.everybodySignsIn()
	ann, bo := v.Join(v.harbour, "ann@harbour.example").Check(), v.Join(v.harbour, "bo@harbour.example").Check()
	app := ann.Enrol()
	dead["superseded"], dead["other person"] = app.Recovery, bo.Enrol().Recovery
	v.Clock.Advance(time.Minute)
	codes, err := v.NewRecoveryCodes(t.Context(), ann.CheckWith(app).Actor(), ann.Browser())
	check(t, err)
	var half string
	arm := func() []string {
		_, err := v.FinishSignIn(t.Context(), v.half(t, ann), codes[0], false, ann.Browser())
		check(t, err)
		dead["replayed"] = codes[:1]
		half = v.half(t, ann)
		return []string{plain(codes[1])}
	}
	return secret{kind: "recovery code", arm: arm, dead: dead, before: v.unslowed,
		opens: func(token string) bool {
			_, err := v.FinishSignIn(t.Context(), half, token, false, ann.Browser())
			return err == nil
		},
		means: plain}
}

func (v *vault) halves(t *testing.T) secret {
	t.Helper()
	v.everybodySignsIn()
	cy := v.Join(v.harbour, "cy@harbour.example").Check()
	cy.Enrol()
	dead := map[string][]string{"expired": {v.half(t, cy), v.half(t, cy)}}
	v.Clock.Advance(time.Hour)
	arm := func() []string { return []string{v.half(t, cy)} }
	return secret{kind: "half sign-in", arm: arm, dead: dead, opens: func(token string) bool {
		_, err := v.SecondStep(t.Context(), token)
		return err == nil
	}}
}

// states are what a sign-in provider sends back. The right one is told by what comes after it: nobody came.
func (v *vault) states(t *testing.T) secret {
	t.Helper()
	dead := map[string][]string{}
	browser := ""
	leave := func() string {
		v.unslowed()
		going, err := v.GoToProvider(t.Context(), account.Actor{}, account.Departure{Errand: account.ToSignIn, Provider: "example", Browser: browser}, v.lee.Browser())
		check(t, err)
		browser = going.Browser
		u, err := url.Parse(going.URL)
		check(t, err)
		return u.Query().Get("state")
	}
	opens := func(token string) bool {
		_, err := v.ProviderAnswered(t.Context(), account.Actor{}, account.ProviderAnswer{At: "example", State: token, Browser: browser}, v.lee.Browser())
		return isFault(err, "provider-cancelled")
	}
	for range many {
		dead["expired"] = append(dead["expired"], leave())
	}
	v.Clock.Advance(time.Hour)
	arm := func() []string {
		for range many {
			used := leave()
			if !opens(used) {
				t.Fatal("a departure is not known")
			}
			dead["replayed"] = append(dead["replayed"], used)
		}
		return []string{leave()}
	}
	return secret{kind: "provider state", arm: arm, dead: dead, opens: opens}
}

// pins are what hub users read out to staff.
func (v *vault) pins(t *testing.T) secret {
	t.Helper()
	c := v.Room.Config
	room := support.New(support.Config{DB: v.DB, Jobs: v.Jobs, Keys: v.Keys, Account: v.Room, Mail: v.Mails, Now: v.Clock.Now, BaseURL: c.BaseURL, Provider: c.Provider})
	staff := v.Staff("desk@voice.example")
	dead := map[string][]string{}
	pin := func(u *accounttest.User) string {
		p, _, err := room.MakePIN(t.Context(), u.Actor())
		check(t, err)
		return p
	}
	v.everybodySignsIn()
	dead["expired"] = []string{pin(v.lee), pin(v.harbour)}
	v.Clock.Advance(16 * time.Minute)
	arm := func() []string {
		v.everybodySignsIn()
		for range many {
			used := pin(v.jo)
			v.unslowed()
			_, err := room.UsePIN(t.Context(), staff, used)
			check(t, err)
			dead["replayed"] = append(dead["replayed"], used)
			dead["superseded"] = append(dead["superseded"], pin(v.jo))
		}
		live := pin(v.jo)
		for what, list := range dead { // six figures meet by chance
			for i, one := range list {
				if one == live {
					dead[what][i] = live + "0"
				}
			}
		}
		return []string{live}
	}
	return secret{kind: "support PIN", arm: arm, dead: dead, before: v.unslowed,
		opens: func(token string) bool {
			_, err := room.UsePIN(t.Context(), staff, token)
			return err == nil
		},
		means: strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\n", "", "\r", "", "\t", "").Replace}
}
