package account_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestOpenMakesAnAccountAndInvitesItsFirstAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		got := admin.Actor()
		if got.Roles.String() != "Admin, Billing" || !got.Checked || got.Account.Number != "10001" || got.Name != "Admin" {
			t.Errorf("the first admin is %+v", got)
		}
		if p := got.Account.Policy; p.TimeZone != "Australia/Sydney" || p.InvitationHours != 7*24 || p.CheckMinutes != 30 {
			t.Errorf("the policy of a new account is %+v", p)
		}
		jo := r.Join(admin, "jo@harbour.example")
		if got := jo.Actor().Roles.String(); got != "Standard" {
			t.Errorf("no role gives %s", got)
		}
	})
}

func TestOpenChoosesSlugAndNumber(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		for _, c := range []struct{ name, slug, number, wantSlug, wantNumber string }{
			{"Harbour Dental Group", "", "", "harbour-dental-group", "10001"},
			{"Café Zoë & Söhne, (Sydney)", "", "", "cafe-zoe-sohne-sydney", "10002"},
			{"24 Hour Towing", "", "20500", "hour-towing", "20500"},
			{"Northside", "north", "", "north", "20501"},
			{"12-14 High Street, Level 2", "", "", "high-street-level-2", "20502"},
		} {
			a, i, err := r.Room.Open(t.Context(), account.Operate(), account.NewAccount{Name: c.name, Slug: c.slug, Number: c.number,
				AdminEmail: "first@example.com", AdminRoles: account.Roles{account.Admin}})
			must(t, err)
			if a.Slug != c.wantSlug || a.Number != c.wantNumber {
				t.Errorf("%s got %s and %s, want %s and %s", c.name, a.Slug, a.Number, c.wantSlug, c.wantNumber)
			}
			if i.Roles.String() != "Admin" || i.InviterName != "Southern Cross Voice" || i.InviterEmail != "" {
				t.Errorf("the invitation is %+v", i)
			}
		}
	})
}

func TestOpenRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Open("harbour")
		good := account.NewAccount{Name: "Good", AdminEmail: "good@example.com"}
		for _, c := range []struct {
			what   string
			change func(*account.NewAccount)
			code   string
			field  string
		}{
			{"no name", func(n *account.NewAccount) { n.Name = "  " }, "name-empty", "name"},
			{"a long name", func(n *account.NewAccount) { n.Name = strings.Repeat("a", 61) }, "name-long", "name"},
			{"a link as name", func(n *account.NewAccount) { n.Name = "Win at https://evil.example" }, "name-link", "name"},
			{"a telephone number as name", func(n *account.NewAccount) { n.Name = "Call 02 9000 1234 now" }, "name-digits", "name"},
			{"one with dashes", func(n *account.NewAccount) { n.Name = "Call 1300-555-019" }, "name-digits", "name"},
			{"one with dots and brackets", func(n *account.NewAccount) { n.Name = "(02) 9000.1234 now" }, "name-digits", "name"},
			{"one in other digits", func(n *account.NewAccount) { n.Name = "٠٢٩٠٠٠ now" }, "name-digits", "name"},
			{"markup as name", func(n *account.NewAccount) { n.Name = "<b>Bank</b>" }, "name-characters", "name"},
			{"a control character", func(n *account.NewAccount) { n.Name = "Bank\x00" }, "name-characters", "name"},
			{"turned-around text", func(n *account.NewAccount) { n.Name = "Bank\u202e" }, "name-characters", "name"},
			{"a slug with capitals", func(n *account.NewAccount) { n.Slug = "Harbour" }, "slug-form", "slug"},
			{"a slug with a dash at the end", func(n *account.NewAccount) { n.Slug = "harbour-" }, "slug-form", "slug"},
			{"a slug of a door", func(n *account.NewAccount) { n.Slug = "console" }, "slug-reserved", "slug"},
			{"a taken slug", func(n *account.NewAccount) { n.Slug = "harbour" }, "slug-taken", "slug"},
			{"a taken number", func(n *account.NewAccount) { n.Number = "10001" }, "number-taken", "number"},
			{"a number with letters", func(n *account.NewAccount) { n.Number = "10a01" }, "account-number-form", "number"},
			{"an unknown zone", func(n *account.NewAccount) { n.TimeZone = "Mars/Olympus" }, "time-zone", "time_zone"},
			{"the server's zone", func(n *account.NewAccount) { n.TimeZone = "Local" }, "time-zone", "time_zone"},
			{"no admin", func(n *account.NewAccount) { n.AdminEmail = "" }, "email-form", "admin_email"},
			{"an address without domain", func(n *account.NewAccount) { n.AdminEmail = "jo@" }, "email-form", "admin_email"},
			{"a first person without the role admin", func(n *account.NewAccount) { n.AdminRoles = account.Roles{account.Billing} }, "first-admin", "admin_roles"},
			{"a role that does not exist", func(n *account.NewAccount) { n.AdminRoles = account.Roles{account.Admin, "root"} }, "role-unknown", "roles"},
			{"a header break in the admin's name", func(n *account.NewAccount) { n.AdminName = "Jo\r\nBcc: all@example.com" }, "name-link", "admin_name"},
		} {
			in := good
			c.change(&in)
			_, _, err := r.Room.Open(t.Context(), account.Operate(), in)
			if f := wantFault(t, err, c.code); f.Field != c.field {
				t.Errorf("%s is the fault of %q, want %q", c.what, f.Field, c.field)
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM accounts`); n != 1 {
			t.Errorf("refusals left %d accounts", n)
		}
		_, _, err := r.Room.Open(t.Context(), account.Operate(), account.NewAccount{Number: "x", TimeZone: "x", AdminEmail: "x"})
		if f := wantFault(t, err, "name-empty"); len(f.Also) != 3 {
			t.Errorf("a form with four faults tells %d", 1+len(f.Also))
		}
	})
}

func TestOpenManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		var wait sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wait.Go(func() {
				_, _, errs[i] = r.Room.Open(t.Context(), account.Operate(), account.NewAccount{Name: "Same Name", Slug: "same" + string(rune('a'+i/2)), AdminEmail: "admin@example.com"})
			})
		}
		wait.Wait()
		taken := 0
		for _, err := range errs {
			if f, ok := fault.Of(err); ok && f.Code == "slug-taken" {
				taken++
			} else if err != nil {
				t.Error(err)
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(DISTINCT number) FROM accounts`); n != 4 || taken != 4 {
			t.Errorf("four slugs, each asked for twice, made %d accounts and %d refusals", n, taken)
		}
	})
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		set := account.Settings{Name: "Harbour Dental", TimeZone: "Australia/Perth", InvitationHours: 48, CheckMinutes: 10}
		a, err := r.ChangeSettings(t.Context(), admin.Actor(), set, 1)
		must(t, err)
		if got := admin.Actor().Account; got != a || got.Name != "Harbour Dental" || got.Policy.InvitationHours != 48 || got.Version != 2 || a.Location().String() != "Australia/Perth" {
			t.Errorf("the account is %+v, the answer %+v", got, a)
		}
		_, err = r.ChangeSettings(t.Context(), admin.Actor(), set, 1)
		if !fault.Is(err, fault.Changed) {
			t.Errorf("an old version got %v", err)
		}
		bad := account.Settings{Name: "", TimeZone: "", InvitationHours: 721, CheckMinutes: 121}
		_, err = r.ChangeSettings(t.Context(), admin.Actor(), bad, 0)
		if f := wantFault(t, err, "name-empty"); len(f.Also) != 3 {
			t.Errorf("four faults tell %d", 1+len(f.Also))
		}
		log := actions(t, r, admin)
		if len(log) != 1 || log[0].Sentence() != "Admin changed the account's settings" ||
			log[0].Before != "Harbour Group, Australia/Sydney, invitations 168 h, check 30 min" || log[0].After != "Harbour Dental, Australia/Perth, invitations 48 h, check 10 min" {
			t.Errorf("the audit log tells %+v", log)
		}
	})
}

// Making the check last longer needs a check; making it stricter does not.
func TestSettingsLoosenTheCheckOnlyAfterACheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		set := func(minutes int) error {
			_, err := r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "Harbour", TimeZone: "UTC", InvitationHours: 24, CheckMinutes: minutes}, 0)
			return err
		}
		r.Clock.Advance(31 * minute)
		wantFault(t, set(31), "check-needed")
		must(t, set(5))
		wantFault(t, set(6), "check-needed")
		admin.Check()
		must(t, set(6))
		if n := len(actions(t, r, admin)); n != 2 {
			t.Errorf("%d entries for two changes", n)
		}
	})
}

func TestAccountsAreForTheProvider(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		staff := r.Staff("sam@voice.example")
		for _, slug := range []string{"alpha", "beta", "gamma", "delta"} {
			_, _, err := r.Room.Open(t.Context(), staff, account.NewAccount{Name: "Same", Slug: slug, AdminEmail: "a@example.com"})
			must(t, err)
		}
		var got []string
		for after := ""; ; {
			list, next, err := r.Accounts(t.Context(), staff, "", after, 2)
			must(t, err)
			for _, a := range list {
				got = append(got, a.Slug)
			}
			if after = next; next == "" {
				break
			}
		}
		if want := "harbour alpha beta gamma delta"; strings.Join(got, " ") != want {
			t.Errorf("page by page: %v, want %s", got, want)
		}
		if list, _, err := r.Accounts(t.Context(), staff, "HARB", "", 0); err != nil || len(list) != 1 {
			t.Errorf("a search without a limit finds %v, %v", list, err)
		}
		if _, _, err := r.Accounts(t.Context(), staff, "", "eyJ0IjoiIn0", 10); !fault.Is(err, fault.Invalid) {
			t.Errorf("a made-up cursor got %v", err)
		}
		if a, err := r.BySlug(t.Context(), staff, "alpha"); err != nil || a.Slug != "alpha" {
			t.Errorf("by slug: %+v %v", a, err)
		}
		_, err := r.BySlug(t.Context(), staff, "nowhere")
		_, _, err2 := r.Room.Open(t.Context(), admin.Actor(), account.NewAccount{Name: "Mine", AdminEmail: "a@example.com"})
		if !fault.Is(err, fault.NotFound) || !fault.Is(err2, fault.NotFound) {
			t.Error(errors.Join(err, err2))
		}
	})
}
