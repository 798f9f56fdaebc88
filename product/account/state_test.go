package account_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// doors are the ways in which people and programs of an account get in.
func doors(t *testing.T, r *accounttest.Rig, room *account.Room, u *accounttest.User, key string, before account.Actor) map[string]error {
	t.Helper()
	ctx, slug := t.Context(), u.Account.Slug
	return map[string]error{
		"Enter":  second(room.Enter(ctx, u.Session(), slug, accounttest.Address)),
		"Again":  second(room.Again(ctx, before)),
		"UseKey": second(room.UseKey(ctx, key, slug, accounttest.Address)),
		"Still": r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
			now := before
			return room.Still(ctx, q, &now, account.ViewHome)
		}),
	}
}

// A38: what ends an account's work ends every way in, on this node and the others, at the next request.
func TestA38ASuspendedAccountIsShut(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		_, token := r.Invite(admin, "lee@harbour.example")
		secret, _ := r.Key(admin)
		north := r.Open("northside")
		sam, before, node := r.Staff("sam@voice.example"), admin.Actor(), r.Node()
		r.RunJobs()
		r.Mails.Clear()

		wantFault(t, second(r.Suspend(t.Context(), sam, admin.Account.ID, " ")), "note-empty")
		wantFault(t, second(r.Suspend(t.Context(), before, admin.Account.ID, "x")), "not-found")
		a, err := r.Suspend(t.Context(), sam, admin.Account.ID, "Invoice 2041 is overdue")
		must(t, err)
		if a.State != account.Suspended || a.StateNote != "Invoice 2041 is overdue" || a.StateAt != r.Clock.Now().UnixMilli() {
			t.Errorf("the account is %+v", a)
		}
		wantFault(t, second(r.Suspend(t.Context(), sam, admin.Account.ID, "again")), "account-state")
		for _, room := range []*account.Room{r.Room, node} {
			for door, err := range doors(t, r, room, admin, secret, before) {
				f := wantFault(t, err, "account-suspended", "Harbour Group is suspended", "000 and 112", "Southern Cross Voice, 1300 555 019, help@voice.example")
				if f.Kind != fault.Forbidden {
					t.Errorf("%s: %+v", door, f)
				}
			}
		}
		wantFault(t, second(r.Enter(t.Context(), jo.Session(), "harbour", "")), "account-suspended")
		wantFault(t, second(r.Enter(t.Context(), north.Session(), "harbour", "")), "not-found")
		must(t, second(r.SignedIn(t.Context(), jo.Session(), accounttest.Address))) // their own pages, and other accounts
		north.Actor()
		wantFault(t, second(r.Welcome(t.Context(), token)), "invitation-account")
		_, _, err = r.AcceptNew(t.Context(), token, "", "Lee", accounttest.Password, browser("192.0.2.9"))
		wantFault(t, err, "invitation-account")

		must(t, second(node.Enable(t.Context(), sam, admin.Account.ID)))
		for door, err := range doors(t, r, r.Room, admin, secret, before) {
			if err != nil {
				t.Errorf("%s of an enabled account: %v", door, err)
			}
		}
		must(t, second(r.Welcome(t.Context(), token)))
		wantFault(t, second(r.Enable(t.Context(), sam, admin.Account.ID)), "account-state")

		r.RunJobs()
		if got := r.Mails.Subjects(admin.Email); !slices.Equal(got, []string{"Harbour Group is suspended", "Harbour Group works again"}) {
			t.Errorf("the admin is mailed %q", got)
		}
		if got := r.Mails.Subjects(jo.Email); len(got) != 0 {
			t.Errorf("a standard user is mailed %q", got)
		}
		own, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Area: "account", Limit: 2})
		must(t, err)
		if own[1].Sentence() != "Provider staff suspended Harbour Group" || own[1].After != "Invoice 2041 is overdue" || own[0].Sentence() != "Provider staff enabled Harbour Group again" {
			t.Errorf("the account's log tells %+v", own)
		}
		log, _, err := r.AuditLog(t.Context(), sam, account.AuditFilter{Limit: 2})
		must(t, err)
		if log[1].Sentence() != "Sam suspended Harbour Group" || log[0].Sentence() != "Sam enabled Harbour Group again" {
			t.Errorf("the provider's log tells %q and %q", log[1].Sentence(), log[0].Sentence())
		}
	})
}

func TestClosingCanBeTakenBackUntilTheDataIsGone(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		secret, _ := r.Key(admin)
		sam, before, id := r.Staff("sam@voice.example"), admin.Actor(), admin.Account.ID
		for _, typed := range []string{"", "1", "harbour"} {
			wantFault(t, second(r.Close(t.Context(), sam, id, typed, "Cancelled")), "account-number-typed", "10001")
		}
		a, err := r.Close(t.Context(), sam, id, " 10001 ", "Cancelled")
		must(t, err)
		if wish := r.Clock.Now().Add(30 * 24 * time.Hour).UnixMilli(); a.CloseAt != wish || a.State != account.Closing {
			t.Errorf("the account is %+v, want it to close at %d", a, wish)
		}
		for door, err := range doors(t, r, r.Room, admin, secret, before) {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v", door, err)
			}
		}
		r.Clock.Set(time.UnixMilli(a.CloseAt - 1))
		r.RunJobs()
		must(t, second(r.Enable(t.Context(), sam, id)))
		admin.SignIn().Actor()
		must(t, second(r.Close(t.Context(), sam, id, "10001", "Cancelled again")))
		r.Clock.Advance(30 * 24 * time.Hour)
		wantFault(t, second(r.Enable(t.Context(), sam, id)), "account-closed", "can't be taken back")
	})
}

// Nothing of a closed account stays but its row and what the provider's own log tells; nothing of others goes.
func TestAClosedAccountIsErased(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		r.Invite(admin, "lee@harbour.example")
		r.Key(admin)
		north := r.OpenFor("northside", "nina@north.example")
		both := r.Join(north, admin.Email, account.Admin) // harbour's admin belongs to northside too
		sam := r.Staff("sam@voice.example")
		a, err := r.Close(t.Context(), sam, admin.Account.ID, admin.Account.Number, "Cancelled")
		must(t, err)
		r.RunJobs()
		r.Mails.Clear()
		r.Clock.Set(time.UnixMilli(a.CloseAt))
		r.RunJobs()

		tables, err := db.TablesWith(t.Context(), r.DB, r.DB.Engine(), "account_id")
		must(t, err)
		if len(tables) < 15 {
			t.Fatalf("only %v have rows of accounts", tables)
		}
		for _, table := range tables {
			if n := count(t, r, `SELECT COUNT(*) FROM `+table+` WHERE account_id = $1`, a.ID); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
		if n := count(t, r, `SELECT COUNT(*) FROM people WHERE email = $1`, jo.Email) + count(t, r, `SELECT COUNT(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM people p WHERE p.id = s.person_id)`); n != 0 {
			t.Errorf("who belonged to nothing else is still there, or their sessions: %d rows", n)
		}
		if got := both.SignIn().Actor(); got.Account.Slug != "northside" {
			t.Errorf("who belongs to another account acts as %+v", got)
		}
		wantFault(t, second(r.Enter(t.Context(), both.Session(), "harbour", "")), "not-found")
		closed, err := r.BySlug(t.Context(), sam, "harbour")
		must(t, err)
		if closed.State != account.Closed || closed.Number != a.Number || closed.StateNote != "" {
			t.Errorf("the provider sees %+v", closed)
		}
		wantFault(t, second(r.Enable(t.Context(), sam, a.ID)), "account-closed")
		if got := r.Mails.Subjects(admin.Email); !slices.Contains(got, "Harbour Group is closed") {
			t.Errorf("its admin is mailed %q", got)
		}
		log, _, err := r.AuditLog(t.Context(), sam, account.AuditFilter{Area: "account"})
		must(t, err)
		var told []string
		for _, e := range log {
			told = append(told, e.Sentence())
		}
		if !slices.Contains(told, "Hubline closed Harbour Group for good") || !slices.Contains(told, "Hubline deleted the data of Harbour Group") {
			t.Errorf("the provider's log tells %s", strings.Join(told, "; "))
		}
		r.RunJobs() // once more: there is nothing left to do
	})
}

func count(t *testing.T, r *accounttest.Rig, query string, args ...any) (n int) {
	t.Helper()
	must(t, r.DB.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}
