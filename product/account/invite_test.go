package account_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// invite is one act of inviting addresses as Standard users.
func invite(addresses ...string) account.Invite {
	var in account.Invite
	for _, a := range addresses {
		in.Offers = append(in.Offers, account.Offer{Email: a})
	}
	return in
}

func TestInviteSendsAndRecords(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		in := account.Invite{Offers: []account.Offer{{Email: "Jo@Harbour.example", Name: " Jo  Baptiste "}, {Email: "lee@harbour.example"}, {Email: "jo@harbour.example"}},
			Roles: account.Roles{account.Billing}, Message: "Welcome.\r\nSee you Monday."}
		sent, err := r.Room.Invite(t.Context(), admin.Actor(), in)
		must(t, err)
		if len(sent) != 2 {
			t.Fatalf("two addresses, one of them twice, made %d invitations", len(sent))
		}
		i := sent[0]
		stored, err := r.InvitationByID(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if fmt.Sprint(stored) != fmt.Sprint(i) {
			t.Errorf("answered %+v, stored %+v", i, stored)
		}
		if i.Email != "jo@harbour.example" || i.Name != "Jo Baptiste" || i.State != account.Pending || i.Delivery != account.Queued || i.Message != "Welcome.\nSee you Monday." ||
			i.InviterName != "Admin" || i.InviterEmail != "admin@harbour.example" || i.Roles.String() != "Billing" || i.ExpiresAt-i.CreatedAt != (7*day).Milliseconds() {
			t.Errorf("the invitation is %+v", i)
		}
		log := actions(t, r, admin)
		if len(log) != 2 || log[0].Sentence() != "Admin invited Jo Baptiste (jo@harbour.example)" || log[0].After != "Billing" || log[1].Sentence() != "Admin invited lee@harbour.example" {
			t.Errorf("the audit log tells %+v", log)
		}
		r.RunJobs()
		if i, _ = r.InvitationByID(t.Context(), admin.Actor(), i.ID); i.Delivery != account.Sent {
			t.Errorf("after the mail went the delivery is %s", i.Delivery)
		}
		if r.Token(sent[0].ID) == r.Token(sent[1].ID) {
			t.Error("two invitations have one token")
		}
	})
}

// Each refusal names its address and the way out, and refuses the whole act: the good address beside it is not invited either.
func TestInviteRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		paused := r.Join(admin, "paused@harbour.example")
		_, err := r.ChangeHubUser(t.Context(), admin.Actor(), paused.ID(), account.Change{State: ptr(account.Deactivated)}, 0)
		must(t, err)
		r.Invite(admin, "waiting@harbour.example")
		many := make([]string, 51)
		for i := range many {
			many[i] = fmt.Sprintf("p%d@harbour.example", i)
		}
		for _, c := range []struct {
			in    account.Invite
			code  string
			field string
			words []string
		}{
			{account.Invite{}, "email-empty", "email", nil},
			{invite("jo"), "email-form", "email", []string{`"jo"`, "Fix it or remove it"}},
			{invite("jo@harbour.example, lee@harbour.example"), "email-form", "email", nil},
			{invite("jo@harbour.example\r\nBcc: all@example.com"), "email-form", "email", nil},
			{invite(`"jo"@harbour.example`), "email-form", "email", nil},
			{invite("Jo <jo@harbour.example>"), "email-form", "email", nil},
			{invite("jö@harbour.example"), "email-form", "email", nil},
			{invite(strings.Repeat("a", 300) + "@harbour.example"), "email-form", "email", nil},
			{invite(many...), "too-many-addresses", "email", []string{"50", "52"}},
			{invite("admin@harbour.example"), "already-member", "email", []string{"admin@harbour.example", "Edit their access"}},
			{invite("paused@harbour.example"), "already-deactivated", "email", []string{"paused@harbour.example", "Reactivate"}},
			{invite("waiting@harbour.example"), "already-invited", "email", []string{"waiting@harbour.example", "22 November", "Resend"}},
			{account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example", Name: "www.evil.example"}}}, "name-link", "name", nil},
			{account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example", Name: strings.Repeat("n", 81)}}}, "name-long", "name", []string{"80"}},
			{account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}}, Message: strings.Repeat("é", 501)}, "message-long", "message", []string{"500", "501"}},
			{account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}}, Roles: account.Roles{"root"}}, "role-unknown", "roles", nil},
			{account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}}, Message: "a\x07b"}, "message-characters", "message", nil},
		} {
			c.in.Offers = append(c.in.Offers, account.Offer{Email: "good@harbour.example"})
			if c.code == "email-empty" {
				c.in.Offers = nil
			}
			for verb, err := range map[string]error{"Invite": second(r.Room.Invite(t.Context(), admin.Actor(), c.in)), "Review": second(r.Review(t.Context(), admin.Actor(), c.in))} {
				if f, ok := fault.Of(err); !ok || f.Code != c.code {
					t.Errorf("%s %v: got %v, want %s", verb, c.in.Offers[:min(1, len(c.in.Offers))], err, c.code)
				} else if wantFault(t, err, c.code, c.words...); f.Field != c.field {
					t.Errorf("%s is the fault of %q, want %q", c.code, f.Field, c.field)
				}
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE state = 'pending'`); n != 1 {
			t.Errorf("refused acts left %d pending invitations, want the one from before", n)
		}
		err = second(r.Room.Invite(t.Context(), admin.Actor(), invite("admin@harbour.example", "good@harbour.example", "waiting@harbour.example")))
		if f := wantFault(t, err, "already-member"); len(f.Also) != 1 || f.Also[0].Code != "already-invited" {
			t.Errorf("two wrong addresses of three: %+v", f)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestA3InviteLimits(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, northside, eastern := r.Open("harbour"), r.Open("northside"), r.Open("eastern")
		try := func(u *accounttest.User, addresses ...string) error {
			return second(r.Room.Invite(t.Context(), u.Actor(), invite(addresses...)))
		}
		must(t, try(harbour, "a1@example.com", "a2@example.com", "a3@example.com"))
		f := wantFault(t, try(harbour, "a4@example.com", "a5@example.com"), "daily-invitations", "5 invitations a day", "has sent 4")
		if f.Kind != fault.TooMany || f.RetryAfter <= 0 || f.Field != "email" {
			t.Errorf("the daily limit answers %+v", f)
		}
		must(t, try(harbour, "a4@example.com"))
		wantFault(t, try(harbour, "a5@example.com"), "daily-invitations")

		// Over all accounts an address gets two a week here, whoever cancels or invites again.
		sent, err := r.Room.Invite(t.Context(), northside.Actor(), invite("a1@example.com"))
		must(t, err)
		must(t, second(r.Cancel(t.Context(), northside.Actor(), sent[0].ID, 0)))
		wantFault(t, try(northside, "a1@example.com"), "recipient-limit", "a1@example.com", "this week")
		wantFault(t, try(eastern, "a1@example.com"), "recipient-limit")

		r.Clock.Advance(day)
		harbour.SignIn().Check()
		must(t, try(harbour, "a5@example.com"))
		r.Clock.Advance(6 * day)
		eastern.SignIn().Check()
		must(t, try(eastern, "a1@example.com"))
	}, accounttest.With(func(c *account.Config) { c.DailyInvitations, c.RecipientWeekly = 5, 2 }))
}

// A form posted twice invites once, also when both arrive together, and also where every action needs a check of its own.
func TestInviteTheSameFormTwice(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		must(t, second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "Harbour", TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 0}, 0)))
		admin.Check()
		in := invite("jo@harbour.example", "lee@harbour.example")
		in.FormKey = "form-1"
		var wait sync.WaitGroup
		var sent [4][]account.Invitation
		var errs [4]error
		actor := admin.Actor()
		for i := range sent {
			wait.Go(func() { sent[i], errs[i] = r.Room.Invite(t.Context(), actor, in) })
		}
		wait.Wait()
		ids := map[string]bool{}
		for i := range sent {
			must(t, errs[i])
			for _, s := range sent[i] {
				ids[s.ID] = true
			}
		}
		if len(ids) != 2 || scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE form_key = 'form-1'`) != 2 {
			t.Errorf("one form for two people, sent four times, made %d invitations", len(ids))
		}
		in.FormKey = "form-2"
		wantFault(t, second(r.Room.Invite(t.Context(), actor, in)), "check-needed")

		// The key is the inviter's own: a colleague's form with the same key is another form.
		lee := r.OpenFor("northside", "kim@northside.example")
		in.FormKey = "form-1"
		other, err := r.Room.Invite(t.Context(), lee.Actor(), in)
		must(t, err)
		if ids[other[0].ID] {
			t.Error("another account's form of the same key returned this account's invitation")
		}
	})
}

func TestInviteFiftyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		addresses := make([]string, account.InviteMost)
		for i := range addresses {
			addresses[i] = fmt.Sprintf("person%d@harbour.example", i)
		}
		began := time.Now()
		sent, err := r.Room.Invite(t.Context(), admin.Actor(), invite(addresses...))
		must(t, err)
		tokens := map[string]bool{}
		for _, i := range sent {
			tokens[r.Token(i.ID)] = true
		}
		if len(sent) != 50 || len(tokens) != 50 || len(actions(t, r, admin)) != 50 {
			t.Errorf("50 addresses made %d invitations, %d tokens", len(sent), len(tokens))
		}
		t.Logf("50 invitations in one act: %v", time.Since(began).Round(time.Millisecond))
	})
}

// Two people invite overlapping groups at the same time: each address is invited once.
func TestInviteTheSameAddressFromTwoAdmins(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin).Check()
		actors := []account.Actor{admin.Actor(), kim.Actor(), admin.Actor(), kim.Actor()}
		errs := make([]error, len(actors))
		var wait sync.WaitGroup
		for i, actor := range actors {
			wait.Go(func() { errs[i] = second(r.Room.Invite(t.Context(), actor, invite("jo@harbour.example"))) })
		}
		wait.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				wantFault(t, err, "already-invited")
			}
		}
		if done != 1 {
			t.Errorf("%d of four acts invited the same address", done)
		}
	})
}

func TestReviewChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		r.Clock.Advance(31 * minute)
		in := account.Invite{Offers: []account.Offer{{Email: " JO@harbour.example "}}, Message: " Hello "}
		got, err := r.Review(t.Context(), admin.Actor(), in)
		must(t, err)
		if got.Offers[0].Email != "jo@harbour.example" || got.Message != "Hello" {
			t.Errorf("review shows %+v", got)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE state = 'pending'`); n != 0 {
			t.Errorf("reviewing left %d invitations", n)
		}
		wantFault(t, second(r.Room.Invite(t.Context(), admin.Actor(), in)), "check-needed")
	})
}

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"jo@x.example", "[{jo@x.example }]"},
		{"jo@x.example lee@x.example", "[{jo@x.example } {lee@x.example }]"},
		{"jo@x.example,lee@x.example;kim@x.example\r\nmo@x.example", "[{jo@x.example } {lee@x.example } {kim@x.example } {mo@x.example }]"},
		{"Jo Baptiste <jo@x.example>, \"Lee\" <lee@x.example>", "[{jo@x.example Jo Baptiste} {lee@x.example Lee}]"},
		{"jo@x.example JO@X.example", "[{jo@x.example }]"},
		{"nonsense", "[{nonsense }]"},
	} {
		got := ""
		if list := account.ParseAddresses(c.in); len(list) > 0 {
			got = fmt.Sprint(list)
		}
		if got != c.want {
			t.Errorf("%q gives %s, want %s", c.in, got, c.want)
		}
	}
}
