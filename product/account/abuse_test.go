package account_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// Abuse cases A11 and A13: a link is 32 random bytes and carries nothing that could be rewritten. The store knows its SHA-256 alone, and
// of an invitation that is over not even that. Whichever letter of it changes, it opens nothing.
func TestA11A13LinksCarryNothing(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		first, token := r.Invite(admin, "jo@harbour.example")
		_, other := r.Invite(admin, "lee@harbour.example")
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "hi_"))
		if err != nil || len(raw) != 32 || token[:10] == other[:10] {
			t.Fatalf("the tokens are %q and %q, %d bytes", token, other, len(raw))
		}
		sum := sha256.Sum256([]byte(token))
		if kept := scan[string](t, r, `SELECT token_hash FROM invitations WHERE id = $1`, first.ID); kept != hex.EncodeToString(sum[:]) {
			t.Errorf("the store keeps %q", kept)
		}
		for at := len("hi_"); at < len(token); at++ {
			letter := "A"
			if token[at] == 'A' {
				letter = "E"
			}
			wantFault(t, second(r.Welcome(t.Context(), token[:at]+letter+token[at+1:])), "invitation-unknown")
		}
		must(t, second(r.Welcome(t.Context(), token)))
		must(t, second(r.Cancel(t.Context(), admin.Actor(), first.ID, 0)))
		must(t, second(r.Decline(t.Context(), other, "lee@harbour.example")))
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE token_hash IS NOT NULL`); n != 0 {
			t.Errorf("%d invitations that are over keep a hash", n)
		}
		for _, empty := range []string{"", "hi_", "hi_" + strings.Repeat("A", 43)} {
			wantFault(t, second(r.Welcome(t.Context(), empty)), "invitation-unknown")
			wantFault(t, third(r.AcceptNew(t.Context(), empty, "", "Jo", accounttest.Password, browser("192.0.2.9"))), "invitation-unknown")
		}
	})
}

// Abuse case A21: somebody invited does not exist before they accept, so that there is nothing to claim: no way to sign in, no link for
// a new password, no address to take over.
func TestA21NobodyExistsBeforeTheyAccept(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		r.Invite(admin, "jo@harbour.example", account.Admin)
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people WHERE email = 'jo@harbour.example'`); n != 0 {
			t.Fatalf("%d people have the invited address", n)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM memberships`); n != 1 {
			t.Errorf("%d memberships", n)
		}
		for _, password := range []string{"", accounttest.Password, "jo@harbour.example"} {
			wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", password, browser("192.0.2.9"))), map[bool]string{true: "password-empty", false: "sign-in-failed"}[password == ""])
		}
		r.RunJobs()
		r.Mails.Clear()
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")))
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) != 0 {
			t.Errorf("the invited address got %q", got)
		}
	})
}

// Abuse case A48: a session has a new token from each moment on in which it may do more, and the one before opens nothing, whoever
// knows it.
func TestA48ANewTokenWhereverASessionMayDoMore(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example", account.Admin)
		rises := func(what string, rise func()) {
			t.Helper()
			before := jo.Session()
			if rise(); jo.Session() == before {
				t.Errorf("%s: the token stayed", what)
			}
			if _, err := r.SignedIn(t.Context(), before, accounttest.Address); !fault.Is(err, fault.SignedOut) {
				t.Errorf("%s: the token before: %v", what, err)
			}
			if !enters(t, r, jo, jo.Session()) {
				t.Errorf("%s: the new token opens nothing", what)
			}
		}
		rises("a code by mail", func() { jo.Check() })
		var app *accounttest.App
		rises("a second factor is set up", func() { app = jo.Enrol() })
		r.Clock.Advance(minute)
		rises("a code of the second factor", func() { jo.CheckWith(app) })
	})
}

// Abuse case A37, of ways in: a key of somebody has no hand in how they sign in, and a session that rests on one account's provider shows
// and changes nothing of it.
func TestA37OwnWaysAreForWholeSessionsOfPeople(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, key := r.Key(admin)
		key.PersonID = admin.Check().Actor().PersonID
		confined := admin.Actor()
		confined.Confined = admin.Account.ID
		for what, err := range map[string]error{
			"a key reads identities": second(r.Identities(t.Context(), key)), "a key asks for a password": second(r.HasPassword(t.Context(), key)),
			"a key unlinks":              second(r.Unlink(t.Context(), key, "x")),
			"a confined session unlinks": second(r.Unlink(t.Context(), confined, "x")),
		} {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
