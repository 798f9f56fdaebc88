package number_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// rig is a room with an account harbour that has an admin, a Standard user and three numbers, and an account northside.
type rig struct {
	*accounttest.Rig
	phones       *phoneuser.Room
	numbers      *number.Room
	staff        account.Actor
	admin, north *accounttest.User
	jo           *accounttest.User // Standard
	mary         phoneuser.User    // extension 101
}

const (
	main    = "+61255500142"
	mobile  = "+61491570156"
	n1300   = "+611300975707"
	another = "+61355500199"
)

func each(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newRig(t, d)) })
}

func newRig(t testing.TB, d *db.DB) *rig {
	t.Helper()
	r := &rig{Rig: accounttest.New(t, d)}
	r.phones = phoneuser.New(phoneuser.Config{DB: d, Jobs: r.Jobs, Keys: r.Keys, Account: r.Room, Now: r.Clock.Now, BaseURL: accounttest.BaseURL, Domain: "sip.hubline.test"})
	r.numbers = number.New(number.Config{DB: d, Keys: r.Keys, Account: r.Room, Phones: r.phones, Now: r.Clock.Now})
	r.phones.Owns, r.phones.LeadsTo, r.phones.OnDelete = r.numbers.Owns, r.numbers.LeadsTo, r.numbers.Forget
	r.admin, r.north, r.staff = r.Open("harbour"), r.Open("northside"), r.Staff("alex@provider.example")
	r.jo = r.Join(r.admin, "jo@harbour.example")
	for _, n := range [][2]string{{main, "Main line"}, {mobile, "Mary's mobile"}, {n1300, "Sales"}} {
		_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.admin.Account), n[0], n[1])
		must(t, err)
	}
	var err error
	r.mary, err = r.phones.Add(t.Context(), r.admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen", CallerID: main, SMSNumber: mobile}, "")
	must(t, err)
	return r
}

func TestAssign(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		inside := r.staff.Inside(r.admin.Account)
		for _, tt := range []struct {
			typed, name, number, service string
			kind                         tel.Kind
		}{
			{"(03) 5550 0199", " After  hours ", "+61355500199", "After hours", tel.Local},
			{"13 11 14", "", "+61131114", "13 11 14", tel.N13},
			{"1800 160 401", "Free", "+611800160401", "Free", tel.N1800},
			{"+64 21 555 018", "Auckland", "+6421555018", "Auckland", tel.International},
		} {
			n, err := r.numbers.Assign(t.Context(), inside, tt.typed, tt.name)
			must(t, err)
			if n.Number != tt.number || n.ServiceName != tt.service || n.Kind != tt.kind || n.AccountID != r.admin.Account.ID || n.Version != 1 {
				t.Errorf("assigned %+v, want %+v", n, tt)
			}
			if kept, err := r.numbers.ByNumber(t.Context(), r.jo.Actor(), tt.number); err != nil || kept != n {
				t.Errorf("kept as %+v, %v", kept, err)
			}
		}
		for typed, code := range map[string]string{"": "phone-number-empty", "555": "phone-number-form", "000": "phone-number-form", "1900 654 321": "phone-number-kind",
			"0255500142": "phone-number-assigned", "+1 900 555 0142": "phone-number-kind"} {
			_, err := r.numbers.Assign(t.Context(), inside, typed, "")
			wantFault(t, err, code)
		}
		_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), "02 5550 0142", "")
		wantFault(t, err, "phone-number-taken", "Harbour Group")
		_, err = r.numbers.Assign(t.Context(), inside, "02 5550 0143", strings.Repeat("x", 61))
		wantFault(t, err, "service-name-long")
		for _, actor := range []account.Actor{r.admin.Actor(), r.jo.Actor(), r.staff} {
			if _, err := r.numbers.Assign(t.Context(), actor, "02 5550 0144", ""); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s assigns: %v", actor.Name, err)
			}
		}
		if got := told(t, r)[0]; got != "Provider staff assigned 02 5550 0142: > Main line" {
			t.Errorf("the audit log tells %q", got)
		}
	})
}

func TestWithdraw(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		lead(t, r, main, r.mary.ID)
		inside := r.staff.Inside(r.admin.Account)
		must(t, r.numbers.Withdraw(t.Context(), inside, main))
		must(t, r.numbers.Withdraw(t.Context(), inside, mobile))
		if _, err := r.numbers.Route(t.Context(), main); !fault.Is(err, fault.NotFound) {
			t.Errorf("a withdrawn number leads somewhere: %v", err)
		}
		mary, err := r.phones.ByID(t.Context(), r.admin.Actor(), r.mary.ID)
		must(t, err)
		if mary.CallerID != "" || mary.SMSNumber != "" {
			t.Errorf("withdrawn numbers are still shown: %+v", mary.Settings)
		}
		if _, ok, err := r.numbers.Owns(t.Context(), r.DB, r.admin.Account.ID, main); ok || err != nil {
			t.Errorf("a withdrawn number is owned: %v", err)
		}
		if _, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), main, ""); err != nil {
			t.Errorf("a withdrawn number can't be assigned: %v", err)
		}
		if err := r.numbers.Withdraw(t.Context(), inside, main); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else's number was withdrawn: %v", err)
		}
		if err := r.numbers.Withdraw(t.Context(), r.admin.Actor(), n1300); !fault.Is(err, fault.NotFound) {
			t.Errorf("an admin withdraws: %v", err)
		}
	})
}

// A Standard user may rename and nothing else (product.md A06).
func TestStandardUserMayOnlyRename(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		n, err := r.numbers.Rename(t.Context(), r.jo.Actor(), main, "  Front   desk ", 1)
		must(t, err)
		if n.ServiceName != "Front desk" || n.Version != 2 {
			t.Errorf("renamed to %+v", n)
		}
		if _, err := r.numbers.Lead(t.Context(), r.jo.Actor(), main, r.mary.ID, 0); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a Standard user changes where a number leads: %v", err)
		}
		if list, _, err := r.numbers.List(t.Context(), r.jo.Actor(), number.Filter{Search: "front desk"}); err != nil || len(list) != 1 {
			t.Errorf("the new name finds %d, %v", len(list), err)
		}
		_, err = r.numbers.Rename(t.Context(), r.admin.Actor(), main, "Other", 1)
		if !fault.Is(err, fault.Changed) {
			t.Errorf("an old version: %v", err)
		}
		for name, code := range map[string]string{" ": "service-name-empty", "a\u202eb": "service-name-characters", "a\xffb": "service-name-characters"} {
			_, err := r.numbers.Rename(t.Context(), r.admin.Actor(), main, name, 0)
			wantFault(t, err, code)
		}
		billing := r.Join(r.admin, "bo@harbour.example", account.Billing)
		if _, err := r.numbers.Rename(t.Context(), billing.Actor(), main, "Bills", 0); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a Billing user renames: %v", err)
		}
		for _, actor := range []account.Actor{r.north.Actor(), r.staff.Inside(r.north.Account)} {
			if _, err := r.numbers.Rename(t.Context(), actor, main, "Stolen", 0); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of another account renames: %v", actor.Name, err)
			}
		}
		if got := told(t, r); got[len(got)-1] != "Jo renamed 02 5550 0142 from Main line to Front desk: Main line > Front desk" {
			t.Errorf("the audit log tells %q", got)
		}
		if to, err := r.numbers.Route(t.Context(), main); err != nil || to.ServiceName != "Front desk" {
			t.Errorf("calls are told %q, %v", to.ServiceName, err)
		}
	})
}

func TestLead(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		n := lead(t, r, main, r.mary.ID)
		if n.Leads() != "Mary Chen, extension 101" || n.Version != 2 {
			t.Errorf("leads to %q: %+v", n.Leads(), n)
		}
		to, err := r.numbers.Route(t.Context(), main)
		must(t, err)
		if want := (number.Route{AccountID: r.admin.Account.ID, AccountSlug: "harbour", Number: main, Kind: tel.Local, ServiceName: "Main line", PhoneUserID: r.mary.ID}); to != want {
			t.Errorf("the route is %+v, want %+v", to, want)
		}
		list, err := r.numbers.LeadsTo(t.Context(), r.DB, r.admin.Account.ID, r.mary.ID)
		if err != nil || !slices.Equal(list, []string{main}) {
			t.Errorf("rings from %q, %v", list, err)
		}
		sam, err := r.phones.Add(t.Context(), r.north.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Sam"}, "")
		must(t, err)
		for _, id := range []string{sam.ID, "nobody"} {
			_, err := r.numbers.Lead(t.Context(), r.admin.Actor(), main, id, 0)
			wantFault(t, err, "phone-user-unknown")
		}
		if n := lead(t, r, main, ""); n.Leads() != "" || n.PhoneUserID != "" {
			t.Errorf("leads to %+v", n)
		}
		if n := lead(t, r, main, ""); n.Version != 3 {
			t.Errorf("a change to the same made version %d", n.Version)
		}
		got := told(t, r)
		if want := "Admin changed where 02 5550 0142 leads: Nowhere > Mary Chen, extension 101"; !slices.Contains(got, want) {
			t.Errorf("the audit log tells %q, want %q", got, want)
		}
	})
}

func TestDeletedPhoneUserIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		lead(t, r, main, r.mary.ID)
		lead(t, r, n1300, r.mary.ID)
		_, err := r.phones.Delete(t.Context(), r.admin.Actor(), r.mary.ID, 0)
		must(t, err)
		for _, e164 := range []string{main, n1300} {
			if to, err := r.numbers.Route(t.Context(), e164); err != nil || to.PhoneUserID != "" {
				t.Errorf("%s leads to %+v, %v", e164, to, err)
			}
		}
		if want := "Admin changed where 1300 975 707 leads: Mary Chen, extension 101 > Nowhere"; !slices.Contains(told(t, r), want) {
			t.Errorf("the audit log tells %q, want %q", told(t, r), want)
		}
	})
}

func TestListSearchesInAnyForm(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		lead(t, r, n1300, r.mary.ID)
		for search, want := range map[string][]string{
			"":                 {n1300, main, mobile},
			"02 5550 0142":     {main},
			"+61 2 5550":       {main},
			"(02) 5550-0142":   {main},
			"0142":             {main},
			"61491570156":      {mobile},
			"0491 570":         {mobile},
			"1300":             {n1300},
			"main LINE":        {main},
			"mary":             {n1300, mobile}, // who it rings, and a service name
			"101":              {n1300},
			"%":                nil,
			"nobody":           nil,
			"0255500142, 0491": nil,
		} {
			list, next, err := r.numbers.List(t.Context(), r.jo.Actor(), number.Filter{Search: search})
			if got := e164s(list); err != nil || next != "" || !slices.Equal(got, want) {
				t.Errorf("%q finds %q, %v, want %q", search, got, err, want)
			}
		}
		list, err := r.numbers.Owned(t.Context(), r.admin.Actor())
		if got := e164s(list); err != nil || !slices.Equal(got, []string{main, mobile}) {
			t.Errorf("caller ID is chosen from %q, %v", got, err)
		}
	})
}

func TestListPages(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for i := range 7 {
			_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.admin.Account), fmt.Sprintf("07 5550 010%d", i), []string{"Same", "Other"}[i%2])
			must(t, err)
		}
		for _, f := range []number.Filter{{}, {Descending: true}, {Sort: number.ByServiceName}, {Sort: number.ByServiceName, Descending: true}} {
			var all []string
			must(t, r.numbers.Each(t.Context(), r.jo.Actor(), f, func(n number.Number) error { all = append(all, n.Number); return nil }))
			var paged []string
			for f.Limit = 3; ; {
				list, next, err := r.numbers.List(t.Context(), r.jo.Actor(), f)
				must(t, err)
				paged = append(paged, e164s(list)...)
				if f.After = next; next == "" {
					break
				}
			}
			if len(all) != 10 || !slices.Equal(all, paged) {
				t.Errorf("%+v: pages give %q, all %q", f, paged, all)
			}
		}
		_, next, err := r.numbers.List(t.Context(), r.jo.Actor(), number.Filter{Limit: 1})
		must(t, err)
		_, _, err = r.numbers.List(t.Context(), r.north.Actor(), number.Filter{After: next})
		wantFault(t, err, "cursor-unknown")
		if n, err := r.numbers.Count(t.Context(), r.jo.Actor()); n != 10 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
	})
}

func TestProviderFindsNumbersOfAllAccounts(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), another, "North")
		must(t, err)
		list, err := r.numbers.Find(t.Context(), r.staff, "5550 01")
		must(t, err)
		if len(list) != 2 || list[0].AccountSlug != "harbour" || list[1].AccountName != "Northside Group" || list[1].Number.Number != another {
			t.Errorf("found %+v", list)
		}
		if _, err := r.numbers.Find(t.Context(), r.admin.Actor(), "5550"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an admin finds: %v", err)
		}
	})
}

func TestCallerIDIsCheckedAgainstTheAccountsNumbers(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), another, "North")
		must(t, err)
		for _, e164 := range []string{another, n1300} {
			_, err := r.phones.Change(t.Context(), r.admin.Actor(), r.mary.ID, phoneuser.Change{CallerID: &e164}, 0)
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("caller ID %s: %v", e164, err)
			}
		}
	})
}

func lead(t *testing.T, r *rig, e164, phoneUserID string) number.Number {
	t.Helper()
	n, err := r.numbers.Lead(t.Context(), r.admin.Actor(), e164, phoneUserID, 0)
	must(t, err)
	return n
}

// told lists what the audit log of harbour tells of numbers, oldest first.
func told(t *testing.T, r *rig) (list []string) {
	t.Helper()
	entries, _, err := r.AuditLog(t.Context(), r.admin.Actor(), account.AuditFilter{Area: "number", Limit: 500})
	must(t, err)
	for _, e := range slices.Backward(entries) {
		list = append(list, strings.Join(strings.Fields(e.Sentence()+": "+e.Before+" > "+e.After), " "))
	}
	return list
}

func e164s(list []number.Number) (numbers []string) {
	for _, n := range list {
		numbers = append(numbers, n.Number)
	}
	return numbers
}

func wantFault(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Code != code {
		t.Errorf("got %v, want the fault %s", err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("%s says %q, which lacks %q", code, f.Message, w)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
