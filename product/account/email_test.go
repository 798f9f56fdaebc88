package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/mail"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func mailed(t *testing.T, d *db.DB) (*accounttest.Rig, *accounttest.Mails) {
	mails := &accounttest.Mails{}
	return accounttest.New(t, d, accounttest.With(func(c *account.Config) { c.Mail = mails })), mails
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r, mails := mailed(t, d)
		admin, north := r.Open("harbour"), r.Open("northside")
		jo := r.Join(admin, "jo@harbour.example", account.Billing)
		i, token := r.Invite(north, jo.Email)
		if _, err := r.AcceptAs(t.Context(), jo.Actor(), token, welcomed(t, r, token)); err != nil {
			t.Fatal(i.ID, err)
		}
		if err := r.AskEmail(t.Context(), jo.Actor(), "jo@new.example", jo.Browser()); !fault.Is(err, fault.StepUp) {
			t.Fatalf("without a check: %v", err)
		}
		if err := r.AskEmail(t.Context(), jo.Check().Actor(), " JO@New.Example ", jo.Browser()); err != nil {
			t.Fatal(err)
		}
		link := r.EmailToken("jo@new.example")
		r.RunJobs()
		if got := mails.Subjects(jo.Email); !slices.Contains(got, "Somebody asked to change your address") {
			t.Errorf("the old address got %q", got)
		}
		if got := mails.To("jo@new.example"); len(got) != 1 || !strings.Contains(got[0].Text, "/profile/email/"+link) {
			t.Fatalf("the new address got %q", mails.Subjects("jo@new.example"))
		}
		if _, err := r.ConfirmEmail(t.Context(), admin.Actor(), link, admin.Browser()); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else confirms: %v", err)
		}
		before := jo.Actor()
		in, err := r.ConfirmEmail(t.Context(), before, link, jo.Browser())
		if err != nil || in.Person.Email != "jo@new.example" {
			t.Fatalf("confirmed as %+v, %v", in.Person, err)
		}
		if _, err := r.Again(t.Context(), before); !fault.Is(err, fault.SignedOut) {
			t.Errorf("the session before goes on: %v", err)
		}
		now, err := r.Enter(t.Context(), in.Session, "northside", "192.0.2.1")
		if err != nil || now.Email != "jo@new.example" {
			t.Errorf("in northside they are %q, %v", now.Email, err)
		}
		if _, err := r.SignIn(t.Context(), jo.Email, accounttest.Password, jo.Browser()); !fault.Is(err, fault.SignedOut) {
			t.Errorf("the old address signs in: %v", err)
		}
		if _, err := r.SignIn(t.Context(), "jo@new.example", accounttest.Password, jo.Browser()); err != nil {
			t.Errorf("the new address does not: %v", err)
		}
		for _, of := range []*accounttest.User{admin, north} {
			list, _, err := r.People(t.Context(), of.Actor(), account.PeopleFilter{Search: "jo@new"})
			if err != nil || len(list) != 1 {
				t.Errorf("%s finds %d by the new address, %v", of.Account.Slug, len(list), err)
			}
			log, _, err := r.AuditLog(t.Context(), of.Actor(), account.AuditFilter{})
			if err != nil || !strings.HasSuffix(log[0].Sentence(), "changed the address of their sign-in") || log[0].Before != "jo@harbour.example" || log[0].After != "jo@new.example" {
				t.Errorf("%s reads %+v, %v", of.Account.Slug, log[0], err)
			}
		}
		if _, err := r.ConfirmEmail(t.Context(), now, link, jo.Browser()); !fault.Is(err, fault.NotFound) {
			t.Errorf("the link works twice: %v", err)
		}
	})
}

func welcomed(t *testing.T, r *accounttest.Rig, token string) string {
	t.Helper()
	w, err := r.Welcome(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return w.Shown
}

// TestA51PendingEmailChange: whoever had a sign-in for a while can't plant an address that takes it over later, and the old mailbox gets it back.
func TestA51PendingEmailChange(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r, mails := mailed(t, d)
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		ask := func(u *accounttest.User, to string) string {
			t.Helper()
			if err := r.AskEmail(t.Context(), u.Check().Actor(), to, u.Browser()); err != nil {
				t.Fatal(err)
			}
			return r.EmailToken(to)
		}

		planted := ask(jo, "thief@evil.example")
		if err := r.AskReset(t.Context(), jo.Email, jo.Browser()); err != nil {
			t.Fatal(err)
		}
		r.RunJobs()
		in, err := r.SetPassword(t.Context(), r.ResetToken(jo.Email), "quince tram wattle 14", jo.Browser())
		if err != nil {
			t.Fatal(err)
		}
		actor, err := r.SignedIn(t.Context(), in.Session, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.ConfirmEmail(t.Context(), actor, planted, jo.Browser()); !fault.Is(err, fault.NotFound) {
			t.Errorf("a change planted before the reset: %v", err)
		}

		sam := r.Join(r.Open("northside"), "sam@northside.example")
		first, second := ask(sam, "one@evil.example"), ""
		r.Clock.Advance(time.Minute)
		second = ask(sam, "two@evil.example")
		if _, err := r.ConfirmEmail(t.Context(), sam.Actor(), first, sam.Browser()); !fault.Is(err, fault.NotFound) {
			t.Errorf("a replaced link: %v", err)
		}
		in, err = r.ConfirmEmail(t.Context(), sam.Actor(), second, sam.Browser())
		if err != nil {
			t.Fatal(err)
		}
		undo := r.EmailToken("sam@northside.example")
		r.RunJobs()
		offersUndo := func(m mail.Message) bool { return strings.Contains(m.Text, "/email/"+undo) }
		if !slices.ContainsFunc(mails.To("sam@northside.example"), offersUndo) {
			t.Errorf("the old address got %q", mails.Subjects("sam@northside.example"))
		}
		r.Clock.Advance(6 * 24 * time.Hour)
		for _, planted := range []string{ // ways in that the thief added
			`INSERT INTO linked_identities (person_id, id, issuer, subject, provider, email, linked_at, used_at) VALUES ($1, 'x', 'https://id.evil.example', 'x', 'x', '', $2, 0)`,
			`INSERT INTO passkeys (person_id, id, credential_id, public_key, name, model, attestation, transports, flags, sign_count, created_at, used_at) VALUES ($1, 'x', 'x', '', '', '', '', '', 0, 0, $2, 0)`,
			`UPDATE people SET ways = 'passkey,provider' WHERE id = $1 AND created_at <= $2`,
		} {
			if _, err := d.ExecContext(t.Context(), planted, in.Person.ID, r.Clock.Now().UnixMilli()); err != nil {
				t.Fatal(err)
			}
		}
		if email, err := r.TakeBackEmail(t.Context(), undo, sam.Browser()); err != nil || email != "sam@northside.example" {
			t.Fatalf("taken back to %q, %v", email, err)
		}
		var left string
		if err := d.QueryRowContext(t.Context(), `SELECT ways FROM people WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM passkeys) AND NOT EXISTS (SELECT 1 FROM linked_identities)`, in.Person.ID).Scan(&left); err != nil || left != "" {
			t.Errorf("ways in that the thief added are left: %q, %v", left, err)
		}
		for _, email := range []string{"two@evil.example", "sam@northside.example"} {
			if _, err := r.SignIn(t.Context(), email, accounttest.Password, sam.Browser()); !fault.Is(err, fault.SignedOut) {
				t.Errorf("the thief's password works for %s: %v", email, err)
			}
		}
		if _, err := r.SignedIn(t.Context(), in.Session, "192.0.2.1"); !fault.Is(err, fault.SignedOut) {
			t.Errorf("the thief's session goes on: %v", err)
		}
		r.RunJobs()
		if _, err := r.SetPassword(t.Context(), r.ResetToken("sam@northside.example"), "quince tram wattle 15", sam.Browser()); err != nil {
			t.Errorf("the link for a new password: %v", err)
		}
		if _, err := r.TakeBackEmail(t.Context(), undo, sam.Browser()); !fault.Is(err, fault.NotFound) {
			t.Errorf("taken back twice: %v", err)
		}
	})
}

func TestEmailOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r, mails := mailed(t, d)
		admin := r.Open("harbour")
		jo, sam := r.Join(admin, "jo@harbour.example"), r.Join(admin, "sam@harbour.example")
		if err := r.AskEmail(t.Context(), jo.Check().Actor(), sam.Email, jo.Browser()); err != nil {
			t.Fatalf("known and unknown are not answered alike: %v", err)
		}
		token := r.EmailToken(sam.Email)
		r.RunJobs()
		if got := mails.Subjects(sam.Email); !slices.Contains(got, "Your address stays with your sign-in") {
			t.Errorf("the owner of the address got %q", got)
		}
		if slices.ContainsFunc(mails.To(sam.Email), func(m mail.Message) bool { return strings.Contains(m.Text, token) }) {
			t.Error("the owner of the address got the link")
		}
		if _, err := r.ConfirmEmail(t.Context(), jo.Actor(), token, jo.Browser()); !fault.Is(err, fault.Conflict) {
			t.Errorf("confirmed all the same: %v", err)
		}
		for _, email := range []string{"", "jo", jo.Email, strings.Repeat("x", 300) + "@harbour.example", "a@b.example,c@d.example"} {
			if err := r.AskEmail(t.Context(), jo.Actor(), email, jo.Browser()); !fault.Is(err, fault.Invalid) {
				t.Errorf("%.40q: %v", email, err)
			}
		}
	})
}
