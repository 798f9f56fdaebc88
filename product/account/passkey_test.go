package account_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// showing asks for a passkey at the sign-in page and lets the device answer.
func showing(t *testing.T, r *accounttest.Rig, k *accounttest.Passkey) account.PasskeyAnswer {
	t.Helper()
	ask, err := r.BeginPasskeySignIn(t.Context(), "")
	must(t, err)
	return k.Show(ask)
}

func enterWith(t *testing.T, r *accounttest.Rig, answer account.PasskeyAnswer) (account.Entrance, error) {
	t.Helper()
	return r.SignInWithPasskey(t.Context(), "", answer, browser("192.0.2.9"))
}

// TestA45PasskeySignsIn: a passkey is two factors by itself, and completes a sign-in that lacks the second.
func TestA45PasskeySignsIn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example").Check()
		k := accounttest.NewPasskey(t)
		if codes := jo.AddPasskey(k); len(codes) != 10 {
			t.Errorf("the first second factor came with %d recovery codes", len(codes))
		}
		in, err := enterWith(t, r, showing(t, r, k))
		must(t, err)
		actor, err := r.Enter(c, in.Session, "harbour", accounttest.Address)
		must(t, err)
		if actor.Email != jo.Email || !actor.SignedInWith(account.ByPasskey) || actor.SignedInWith(account.ByPassword) || !actor.HasWay(account.ByPasskey) {
			t.Errorf("signed in as %+v", actor)
		}
		in, err = r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
		if must(t, err); in.Session != "" || in.Half == "" {
			t.Fatal("a password alone signs in somebody with a passkey")
		}
		half := in.Half
		other := r.Join(admin, "kim@harbour.example").Check()
		strange := accounttest.NewPasskey(t)
		other.AddPasskey(strange)
		_, err = r.SignInWithPasskey(c, half, showing(t, r, strange), browser("192.0.2.9"))
		wantFault(t, err, "passkey-wrong")
		in, err = r.SignInWithPasskey(c, half, showing(t, r, k), browser("192.0.2.9"))
		must(t, err)
		actor, err = r.Enter(c, in.Session, "harbour", accounttest.Address)
		if must(t, err); !actor.SignedInWith(account.ByPassword) || !actor.SignedInWith(account.ByPasskey) {
			t.Error("the session does not keep both proofs")
		}
		_, err = r.SignInWithPasskey(c, half, showing(t, r, k), browser("192.0.2.9"))
		wantFault(t, err, "half-ended")
		r.RunJobs()
		if got := strings.Join(r.Mails.Subjects(jo.Email), "; "); !strings.Contains(got, "A passkey was added") {
			t.Errorf("mails: %s", got)
		}
	})
}

// TestA46PasskeyChallengeCountsOnce: an answer counts once, in time, in the browser that was asked, for the errand it was asked for.
func TestA46PasskeyChallengeCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		k := accounttest.NewPasskey(t)
		jo.AddPasskey(k)
		answer := showing(t, r, k)
		must(t, second(enterWith(t, r, answer)))
		_, err := enterWith(t, r, answer)
		wantFault(t, err, "passkey-late")

		elsewhere := showing(t, r, k)
		for _, held := range []string{"", showing(t, r, k).Browser, jo.Session()} {
			planted := elsewhere
			planted.Browser = held
			_, err = enterWith(t, r, planted)
			wantFault(t, err, "passkey-late")
		}
		must(t, second(enterWith(t, r, elsewhere))) // what failed used nothing up

		late := showing(t, r, k)
		r.Clock.Advance(account.PasskeyLife)
		_, err = enterWith(t, r, late)
		wantFault(t, err, "passkey-late")

		me := person(t, r, jo)
		_, err = r.ConfirmWithPasskey(c, me, showing(t, r, k))
		wantFault(t, err, "passkey-late")
		ask, err := r.BeginPasskeyCheck(c, me)
		must(t, err)
		checking := k.Show(ask)
		checking.Browser = showing(t, r, k).Browser
		_, err = enterWith(t, r, checking)
		wantFault(t, err, "passkey-late")
		in, err := enterWith(t, r, showing(t, r, k)) // another session of the same person
		must(t, err)
		again, err := r.SignedIn(c, in.Session, accounttest.Address)
		must(t, err)
		_, err = r.ConfirmWithPasskey(c, again, checking)
		wantFault(t, err, "passkey-late")
		swapped := showing(t, r, k)
		swapped.Challenge = showing(t, r, k).Challenge
		_, err = enterWith(t, r, swapped)
		wantFault(t, err, "passkey-late")
		_, err = enterWith(t, r, account.PasskeyAnswer{})
		wantFault(t, err, "passkey-missing")
	})
}

// TestA46OnePasskeyAnswerRaced has many requests carry the same answer at the same time: one gets in.
func TestA46OnePasskeyAnswerRaced(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Open("harbour")
		k := accounttest.NewPasskey(t)
		jo.AddPasskey(k)
		answer := showing(t, r, k)
		var won atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				in, err := enterWith(t, r, answer)
				if err == nil && in.Session != "" {
					won.Add(1)
				} else if f, ok := fault.Of(err); !ok || f.Kind != fault.Invalid {
					t.Errorf("a loser got %v", err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("one answer let %d in", won.Load())
		}
	})
}

// TestA47WrongPasskeysAreRefused tells every lie that WebAuthn level 3 section 7.2 names.
func TestA47WrongPasskeysAreRefused(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Open("harbour")
		good := accounttest.NewPasskey(t)
		good.Counter = 5
		jo.AddPasskey(good)
		for what, lie := range map[string]func(k *accounttest.Passkey){
			"another origin":        func(k *accounttest.Passkey) { k.Origin = "https://hubline.example.evil.example" },
			"http":                  func(k *accounttest.Passkey) { k.Origin = "http://hubline.example" },
			"another port":          func(k *accounttest.Passkey) { k.Origin = "https://hubline.example:8443" },
			"a neighbour":           func(k *accounttest.Passkey) { k.Origin = "https://evil.hubline.example" },
			"another RP ID":         func(k *accounttest.Passkey) { k.Party = "example" },
			"not verified":          func(k *accounttest.Passkey) { k.Flags &^= accounttest.UserVerified },
			"not present":           func(k *accounttest.Passkey) { k.Flags &^= accounttest.UserPresent },
			"no longer copied":      func(k *accounttest.Passkey) { k.Flags &^= accounttest.BackupEligible | accounttest.BackedUp },
			"copied but not able":   func(k *accounttest.Passkey) { k.Flags &^= accounttest.BackupEligible },
			"a counter that stands": func(k *accounttest.Passkey) { k.Counter = 5 },
			"a counter that falls":  func(k *accounttest.Passkey) { k.Counter = 4 },
			"a counter of nothing":  func(k *accounttest.Passkey) { k.Counter = 0 },
			"somebody's handle":     func(k *accounttest.Passkey) { k.Handle = []byte("somebody") },
			"no handle":             func(k *accounttest.Passkey) { k.Handle = nil },
			"an unknown credential": func(k *accounttest.Passkey) { k.ID = []byte("sixteen letters!") },
			"another key's signature": func(k *accounttest.Passkey) {
				stranger := accounttest.NewPasskey(t)
				stranger.ID, stranger.Handle, stranger.Counter = k.ID, k.Handle, k.Counter
				*k = *stranger
			},
		} {
			k := *good
			k.Counter++
			lie(&k)
			_, err := enterWith(t, r, showing(t, r, &k))
			if f, ok := fault.Of(err); !ok || f.Code != "passkey-wrong" {
				t.Errorf("%s: %v", what, err)
			}
		}
		good.Counter++
		must(t, second(enterWith(t, r, showing(t, r, good))))
	})
}

// TestA47OtherPeoplesPasskeys: nobody adds to, confirms with or manages what belongs to somebody else.
func TestA47OtherPeoplesPasskeys(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example").Check()
		his, hers := accounttest.NewPasskey(t), accounttest.NewPasskey(t)
		jo.AddPasskey(his)
		admin.Check().AddPasskey(hers)

		ask, err := r.BeginPasskeyCheck(c, jo.Actor())
		must(t, err)
		_, err = r.ConfirmWithPasskey(c, jo.Actor(), hers.Show(ask))
		wantFault(t, err, "passkey-wrong")
		token, err := r.ConfirmWithPasskey(c, jo.Actor(), his.Show(ask))
		must(t, err)
		if token == "" || token == jo.Session() {
			t.Error("a check left the session its token")
		}
		actor, err := r.SignedIn(c, token, accounttest.Address)
		must(t, err)

		ask, err = r.BeginPasskey(c, actor)
		must(t, err)
		_, _, err = r.AddPasskey(c, person(t, r, admin), "", hers.Make(ask), browser("192.0.2.9"))
		wantFault(t, err, "passkey-late")
		_, _, err = r.AddPasskey(c, actor, "", his.Make(ask), browser("192.0.2.9"))
		wantFault(t, err, "passkey-known")

		list, err := r.Passkeys(c, person(t, r, admin))
		if must(t, err); len(list) != 1 {
			t.Fatalf("she has %+v", list)
		}
		wantFault(t, r.RenamePasskey(c, actor, list[0].ID, "Mine now"), "not-found")
		wantFault(t, r.RemovePasskey(c, actor, list[0].ID, browser("192.0.2.9")), "not-found")
		wantFault(t, second(r.Passkey(c, actor, list[0].ID)), "not-found")
	})
}

// TestA48PasskeysNeedAFreshCheck: whoever finds an open browser plants no passkey, and the last way in stays.
func TestA48PasskeysNeedAFreshCheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		k := accounttest.NewPasskey(t)
		jo.AddPasskey(k)
		me := person(t, r, jo)
		list, err := r.Passkeys(c, me)
		must(t, err)
		ask, err := r.BeginPasskey(c, me)
		must(t, err)
		must(t, second(r.DB.ExecContext(c, `UPDATE sessions SET checked_at = 0 WHERE person_id = $1`, me.PersonID)))
		wantFault(t, second(r.BeginPasskey(c, me)), "check-needed")
		_, _, err = r.AddPasskey(c, me, "", accounttest.NewPasskey(t).Make(ask), browser("192.0.2.9"))
		wantFault(t, err, "check-needed")
		wantFault(t, r.RemovePasskey(c, me, list[0].ID, browser("192.0.2.9")), "check-needed")
		wantFault(t, r.SendCode(c, me, browser("192.0.2.9")), "check-stronger")

		confined := me
		confined.Confined = me.PersonID
		wantFault(t, second(r.BeginPasskey(c, confined)), "session-confined")
		wantFault(t, r.RenamePasskey(c, confined, list[0].ID, "Other"), "session-confined")
		wantFault(t, r.RemovePasskey(c, confined, list[0].ID, browser("192.0.2.9")), "session-confined")

		ask, err = r.BeginPasskeyCheck(c, me)
		must(t, err)
		token, err := r.ConfirmWithPasskey(c, me, k.Show(ask))
		must(t, err)
		me, err = r.SignedIn(c, token, accounttest.Address)
		must(t, err)
		must(t, second(r.DB.ExecContext(c, `UPDATE people SET password = NULL WHERE id = $1`, me.PersonID)))
		wantFault(t, r.RemovePasskey(c, me, list[0].ID, browser("192.0.2.9")), "last-way-in")
		must(t, second(r.DB.ExecContext(c, `UPDATE people SET password = 'x' WHERE id = $1`, me.PersonID)))
		must(t, r.RenamePasskey(c, me, list[0].ID, "Laptop"))
		must(t, r.RemovePasskey(c, me, list[0].ID, browser("192.0.2.9")))
		_, err = enterWith(t, r, showing(t, r, k))
		wantFault(t, err, "passkey-wrong")
		r.RunJobs()
		if got := strings.Join(r.Mails.Subjects(jo.Email), "; "); !strings.Contains(got, "A passkey was removed") {
			t.Errorf("mails: %s", got)
		}
	})
}

// A new person accepts an invitation with a passkey alone; somebody known does not get a second self.
func TestAcceptWithAPasskey(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		_, token := r.Invite(admin, "jo@harbour.example")
		_, other := r.Invite(admin, "kim@harbour.example")
		w, err := r.Welcome(c, token)
		must(t, err)
		k := accounttest.NewPasskey(t)
		ask, err := r.BeginPasskeyAccept(c, token, "")
		must(t, err)
		answer := k.Make(ask)
		_, _, err = r.AcceptNewWithPasskey(c, other, w.Shown, "Jo", answer, browser("192.0.2.9"))
		wantFault(t, err, "passkey-wrong") // of another link
		_, _, err = r.AcceptNewWithPasskey(c, token, w.Shown, " ", answer, browser("192.0.2.9"))
		wantFault(t, err, "name-empty")
		in, _, err := r.AcceptNewWithPasskey(c, token, w.Shown, "Jo", answer, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(c, in.Session, "harbour", accounttest.Address)
		if must(t, err); actor.Email != "jo@harbour.example" || actor.Restricted() {
			t.Errorf("came in as %+v", actor)
		}
		// The passkey is lost: a password by mail and one of the codes that came with it.
		if len(in.Codes) != 10 {
			t.Fatalf("joined with %d recovery codes", len(in.Codes))
		}
		lost, err := r.SetPassword(c, asked(t, r, actor.Email), accounttest.Password, browser("192.0.2.9"))
		if must(t, err); lost.Session != "" || len(lost.Codes) != 0 {
			t.Fatal("a mailed link is enough without the passkey")
		}
		must(t, second(r.FinishSignIn(c, lost.Half, in.Codes[3], false, browser("192.0.2.9"))))
		must(t, second(r.DB.ExecContext(c, `UPDATE people SET password = NULL WHERE id = $1`, actor.PersonID)))
		in, err = enterWith(t, r, showing(t, r, k))
		if must(t, err); in.Session == "" {
			t.Error("the passkey does not sign in")
		}
		if has, err := r.HasPassword(c, actor); err != nil || has {
			t.Errorf("they have a password: %v, %v", has, err)
		}
		north := r.Open("northside")
		_, second := r.Invite(north, "jo@harbour.example")
		if w, err = r.Welcome(c, second); err != nil || !w.Known {
			t.Errorf("they are not known: %v, %v", w.Known, err)
		}
		_, err = r.BeginPasskeyAccept(c, second, "")
		wantFault(t, err, "passkey-unfit")
	})
}

// TestA47TenThousandWrongAnswers changes one bit or one byte of a right answer, ten thousand times: none gets in.
func TestA47TenThousandWrongAnswers(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Open("harbour")
		k := accounttest.NewPasskey(t)
		jo.AddPasskey(k)
		seed := rand.Uint64()
		dice := rand.New(rand.NewPCG(seed, 0))
		right := showing(t, r, k)
		accepted := 0
		for i := range 10_000 {
			wrong := right
			wrong.Answer = mutate(t, dice, right.Answer)
			in, err := r.SignInWithPasskey(t.Context(), "", wrong, browser(fmt.Sprintf("10.0.%d.%d", i/250, i%250))) // one network would be slowed down
			if err == nil || in.Session != "" {
				accepted++
			} else if f, ok := fault.Of(err); !ok || f.Kind != fault.Invalid {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if accepted != 0 {
			t.Errorf("seed %d: %d wrong answers were accepted", seed, accepted)
		}
		must(t, second(enterWith(t, r, right)))
	})
}

// mutate flips bits in one of the parts that count.
func mutate(t *testing.T, dice *rand.Rand, answer string) string {
	t.Helper()
	var a map[string]any
	must(t, json.Unmarshal([]byte(answer), &a))
	response := a["response"].(map[string]any)
	part := []string{"clientDataJSON", "authenticatorData", "signature", "userHandle"}[dice.IntN(4)]
	raw, err := base64.RawURLEncoding.DecodeString(response[part].(string))
	must(t, err)
	switch dice.IntN(8) {
	case 0:
		raw = raw[:dice.IntN(len(raw))]
	default:
		raw[dice.IntN(len(raw))] ^= 1 << dice.IntN(8)
	}
	response[part] = base64.RawURLEncoding.EncodeToString(raw)
	text, err := json.Marshal(a)
	must(t, err)
	return string(text)
}

// TestA46WrongPasskeysAreSlowedDown: a network, and a session, that shows wrong passkeys again and again has to wait; others do not.
func TestA46WrongPasskeysAreSlowedDown(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Join(r.Open("harbour"), "jo@harbour.example").Check()
		k := accounttest.NewPasskey(t)
		jo.AddPasskey(k)
		wrong := showing(t, r, k)
		wrong.Answer = "{}"
		tries := func(try func() error) (n int) {
			for n < 200 {
				err := try()
				if f, ok := fault.Of(err); ok && f.Kind == fault.TooMany {
					return n
				} else if !ok {
					t.Fatalf("a wrong passkey: %v", err)
				}
				n++
			}
			return n
		}
		if n := tries(func() error { return second(enterWith(t, r, wrong)) }); n != 100 {
			t.Errorf("one network could show %d wrong passkeys", n)
		}
		must(t, second(r.SignInWithPasskey(c, "", showing(t, r, k), browser("198.51.100.77"))))
		wantFault(t, second(enterWith(t, r, showing(t, r, k))), "too-many-tries")
		r.Clock.Advance(time.Minute)
		must(t, second(enterWith(t, r, showing(t, r, k))))

		ask, err := r.BeginPasskeyCheck(c, jo.Actor())
		must(t, err)
		bad := k.Show(ask)
		bad.Answer = "{}"
		if n := tries(func() error { return second(r.ConfirmWithPasskey(c, jo.Actor(), bad)) }); n != 20 {
			t.Errorf("one session could show %d wrong passkeys", n)
		}
		r.Clock.Advance(10 * time.Minute)
		ask, err = r.BeginPasskeyCheck(c, jo.Actor())
		must(t, err)
		must(t, second(r.ConfirmWithPasskey(c, jo.Actor(), k.Show(ask))))
	})
}
