package test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// change is what one admin does to another, or to themselves.
type change struct {
	by, to int
	what   string // demote, deactivate or remove
}

// Three admins: true for those who are.
type triple struct {
	admin [3]bool
	gone  [3]bool // deactivated or removed
}

var admins = porcupine.Model{
	Init: func() any { return triple{admin: [3]bool{true, true, true}} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(triple), input.(change), output.(string)
		others := 0
		for i, is := range s.admin {
			if is && i != in.to {
				others++
			}
		}
		switch {
		case s.gone[in.by]:
			return out == "not-found", s
		case !s.admin[in.by]:
			return out == "role-missing", s
		case s.gone[in.to]: // removed: there is nobody; deactivated: there is, and it changes nothing more here
			return out == "not-found" || out == "ok", s
		case in.by == in.to && in.what == "deactivate":
			return out == "own-state", s
		case in.by == in.to && in.what == "remove":
			return out == "own-removal", s
		case s.admin[in.to] && others == 0:
			return out == "last-admin", s
		}
		s.admin[in.to] = false
		s.gone[in.to] = in.what != "demote"
		return out == "ok", s
	},
}

func demotions(t *testing.T, r *accounttest.Rig) course {
	first := r.Open("harbour")
	users := [3]*accounttest.User{first, r.Join(first, "kim@harbour.example", account.Admin).Check(), r.Join(first, "lee@harbour.example", account.Admin).Check()}
	var actors [3]account.Actor
	for i, u := range users {
		actors[i] = u.Actor()
	}
	do := func(by, to int, what string) act {
		return act{change{by, to, what}, func() string {
			var err error
			deactivated := account.Deactivated
			switch id := actors[to].MembershipID; what {
			case "demote":
				_, err = r.ChangeHubUser(t.Context(), actors[by], id, account.Change{Roles: &account.Roles{}}, 0)
			case "deactivate":
				_, err = r.ChangeHubUser(t.Context(), actors[by], id, account.Change{State: &deactivated}, 0)
			case "remove":
				_, err = r.RemoveHubUser(t.Context(), actors[by], id, 0)
			}
			return answer(err)
		}}
	}
	return course{model: admins, start: func(random *rand.Rand) (acts, after []act) {
		_, err := r.DB.ExecContext(t.Context(), `UPDATE memberships SET roles = 'admin', own_roles = 'admin', state = 'active' WHERE account_id = $1`, first.Account.ID)
		check(t, err)
		r.Forget()
		whats := []string{"demote", "demote", "deactivate", "remove"}
		what := func() string { return whats[random.IntN(len(whats))] }
		switch random.IntN(4) {
		case 0: // two admins, after the third has gone
			after := do(0, 2, "remove")
			acts = []act{do(0, 1, what()), do(1, 0, what()), after}
		case 1: // in a ring
			acts = []act{do(0, 1, what()), do(1, 2, what()), do(2, 0, what())}
		case 2: // all step down
			acts = []act{do(0, 0, "demote"), do(1, 1, "demote"), do(2, 2, "demote")}
		case 3:
			for range 2 + random.IntN(3) {
				acts = append(acts, do(random.IntN(3), random.IntN(3), what()))
			}
		}
		return acts, nil
	}}
}

// What can happen to a person's password. Sign-ins are numbered, to ask later whether the session is alive.
type (
	signIn struct {
		number int
		with   password
	}
	reset struct{}
	alive struct{ number int }

	password int
)

const (
	old password = iota
	fresh
)

// person is a person as it should be: the password, whether the link was used, and under which of them each session began.
type person struct {
	password password
	began    [4]int // 0: no session; else 1 + the password of that time
}

var passwords = porcupine.Model{
	Init: func() any { return person{} },
	Step: func(state, input, output any) (bool, any) {
		p, out := state.(person), output.(string)
		switch in := input.(type) {
		case signIn:
			if in.with != p.password {
				return out == "sign-in-failed", p
			}
			p.began[in.number] = 1 + int(p.password)
			return out == "ok", p
		case reset:
			if p.password == fresh {
				return out == "password-link-unknown", p
			}
			p.password = fresh
			return out == "ok", p
		case alive:
			if p.began[in.number] == 1+int(p.password) {
				return out == "ok", p
			}
			return out == "signed-out", p
		}
		return false, p
	},
}

func resets(t *testing.T, r *accounttest.Rig) course {
	r.Join(r.Open("harbour"), "lee@harbour.example")
	browser := account.Browser{Address: accounttest.Address}
	words := [2]string{accounttest.Password, ""}
	n := 0
	return course{model: passwords, share: 4, start: func(random *rand.Rand) ([]act, []act) {
		n++
		words[1] = fmt.Sprintf("another good %d password", n)
		now := words
		words[0] = words[1] // for the next race: every race ends with the new one
		r.Clock.Advance(time.Hour)
		check(t, r.AskReset(t.Context(), "lee@harbour.example", browser))
		link := r.ResetToken("lee@harbour.example")
		r.RunJobs()
		var sessions [4]string
		sign := func(number int, with password) act {
			return act{signIn{number, with}, func() string {
				in, err := r.SignIn(t.Context(), "lee@harbour.example", now[with], browser)
				sessions[number] = in.Session
				return answer(err)
			}}
		}
		set := act{reset{}, func() string {
			_, err := r.SetPassword(t.Context(), link, now[fresh], browser)
			return answer(err)
		}}
		ask := func(number int) act {
			return act{alive{number}, func() string {
				_, err := r.SignedIn(t.Context(), sessions[number], accounttest.Address)
				return answer(err)
			}}
		}
		together := []act{sign(0, old), set, sign(1, fresh)}
		if random.IntN(2) == 0 {
			together = append(together, set)
		}
		return together, []act{ask(0), ask(1), sign(2, old), sign(3, fresh), ask(3)}
	}}
}

// confirm types a code: the right one or a wrong one. send asks for another.
type confirm struct{ right bool }

var onceCodes = porcupine.Model{
	Init: func() any { return 5 }, // tries left; -1: there is none any more
	Step: func(state, input, output any) (bool, any) {
		left, out := state.(int), output.(string)
		if left <= 0 {
			return out == "code-ended", left
		}
		if input.(confirm).right {
			return out == "ok", -1
		}
		return out == "code-wrong", left - 1
	},
}

func codes(t *testing.T, r *accounttest.Rig) course {
	kim := r.Join(r.Open("harbour"), "kim@harbour.example", account.Admin)
	actor := kim.Actor()
	return course{model: onceCodes, start: func(random *rand.Rand) (together, after []act) {
		_, err := r.DB.ExecContext(t.Context(), `DELETE FROM throttles WHERE key LIKE 'code:%'`)
		check(t, err)
		r.Forget()
		r.Clock.Advance(time.Minute)
		check(t, r.SendCode(t.Context(), actor, kim.Browser()))
		code := r.Code("kim@harbour.example")
		wrong := "9" + code[1:]
		if code[0] == '9' {
			wrong = "8" + code[1:]
		}
		try := func(code string, right bool) act {
			return act{confirm{right}, func() string {
				_, err := r.ConfirmCode(t.Context(), actor, code)
				return answer(err)
			}}
		}
		together = []act{try(code, true), try(code, true)}
		for range random.IntN(6) {
			together = append(together, try(wrong, false))
		}
		return together, []act{try(code, true)}
	}}
}

// spend is an action that needs a check, in an account that asks every time.
type spend struct{}

var oneCheck = porcupine.Model{
	Init: func() any { return true },
	Step: func(state, _, output any) (bool, any) {
		if state.(bool) {
			return output == "ok", false
		}
		return output == "check-needed", false
	},
}

func checks(t *testing.T, r *accounttest.Rig) course {
	admin := r.Open("harbour")
	_, err := r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "Harbour", TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 0}, 0)
	check(t, err)
	actor, n := admin.Actor(), 0
	return course{model: oneCheck, start: func(random *rand.Rand) (together, after []act) {
		_, err := r.DB.ExecContext(t.Context(), `UPDATE sessions SET checked_at = $1, check_used = 0`, r.Clock.Now().UnixMilli())
		check(t, err)
		r.Forget()
		r.Clock.Advance(time.Minute)
		for range 2 + random.IntN(3) {
			n++
			email := fmt.Sprintf("p%d@x.example", n)
			together = append(together, act{spend{}, func() string {
				_, err := r.Room.Invite(t.Context(), actor, account.Invite{Offers: []account.Offer{{Email: email}}})
				return answer(err)
			}})
		}
		return together, nil
	}}
}
