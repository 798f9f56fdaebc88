package account_test

import (
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestStaff(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		p, token, err := r.AddStaff(t.Context(), account.Operate(), " Sam@Voice.example ", "Sam Ito")
		must(t, err)
		if !p.Staff || p.Email != "sam@voice.example" || p.Name != "Sam Ito" {
			t.Errorf("%+v", p)
		}
		wantFault(t, second(r.SignIn(t.Context(), "sam@voice.example", "", browser("192.0.2.9"))), "password-empty")
		wantFault(t, second(r.SignIn(t.Context(), "sam@voice.example", accounttest.Password, browser("192.0.2.9"))), "sign-in-failed")
		r.Clock.Advance(day - time.Millisecond)
		in, err := r.SetPassword(t.Context(), token, accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		sam, err := r.SignedIn(t.Context(), in.Session, "192.0.2.9")
		must(t, err)
		if sam.Kind != account.Staff || !sam.Provider() || sam.Account.ID != "" {
			t.Errorf("acts as %+v", sam)
		}
		r.Open("harbour")
		if _, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9"); !fault.Is(err, fault.NotFound) {
			t.Errorf("staff enter an account as members: %v", err)
		}
		for _, permission := range account.Scopes() {
			if sam.Can(permission) || sam.Inside(account.Account{ID: "x"}).Can(permission) {
				t.Errorf("staff may %s", permission)
			}
		}
		// Staff sign in again after an idle hour.
		r.Clock.Advance(time.Hour)
		wantFault(t, second(r.SignedIn(t.Context(), in.Session, "192.0.2.9")), "signed-out")
	})
}

func TestStaffByStaff(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		sam := r.Staff("sam@voice.example")
		alex, token, err := r.AddStaff(t.Context(), sam, "alex@voice.example", "")
		must(t, err)
		if alex.Name != "alex@voice.example" {
			t.Errorf("%+v", alex)
		}
		// Until the colleague has a password, a new link can be made, and the old one is dead.
		r.Clock.Advance(minute)
		_, next, err := r.AddStaff(t.Context(), sam, "alex@voice.example", "")
		must(t, err)
		wantFault(t, second(r.PasswordLink(t.Context(), token)), "password-link-unknown")
		in, err := r.SetPassword(t.Context(), next, newPassword, browser("192.0.2.9"))
		must(t, err)

		// Nobody makes a link that sets somebody else's password once there is one; whoever runs the server may help.
		r.Clock.Advance(minute)
		_, token, err = r.AddStaff(t.Context(), sam, "alex@voice.example", "")
		if wantFault(t, err, "staff-known", "alex@voice.example", "Forgot password"); token != "" {
			t.Error("a colleague's password can be set")
		}
		must(t, third(r.AddStaff(t.Context(), account.Operate(), "alex@voice.example", "")))

		wantFault(t, third(r.AddStaff(t.Context(), sam, "admin@harbour.example", "")), "staff-member", "address of their own")
		wantFault(t, third(r.AddStaff(t.Context(), sam, "nonsense", "")), "email-form")
		for _, actor := range []account.Actor{admin.Actor(), {}} {
			if err := third(r.AddStaff(t.Context(), actor, "evil@voice.example", "")); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s adds staff: %v", actor.Kind, err)
			}
		}
		list, err := r.StaffPeople(t.Context(), sam)
		must(t, err)
		if len(list) != 2 || list[0].Email != "alex@voice.example" {
			t.Errorf("staff: %+v", list)
		}

		wantFault(t, r.RemoveStaff(t.Context(), sam, sam.PersonID), "own-removal", "Ask a colleague")
		if err := r.RemoveStaff(t.Context(), sam, admin.Actor().PersonID); !fault.Is(err, fault.NotFound) {
			t.Errorf("a customer's person is removed as staff: %v", err)
		}
		must(t, r.RemoveStaff(t.Context(), sam, alex.ID))
		wantFault(t, second(r.SignedIn(t.Context(), in.Session, "192.0.2.9")), "signed-out")
		wantFault(t, second(r.SignIn(t.Context(), "alex@voice.example", newPassword, browser("192.0.2.9"))), "sign-in-failed")
		if err := r.RemoveStaff(t.Context(), sam, alex.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("removed twice: %v", err)
		}
		log, _, err := r.AuditLog(t.Context(), sam, account.AuditFilter{})
		must(t, err)
		var told []string
		for _, e := range log {
			told = append(told, e.Sentence())
		}
		if told[0] != "Sam removed alex@voice.example from provider staff" {
			t.Errorf("the provider's log tells %q", told)
		}
		want := map[string]int{"Sam made alex@voice.example provider staff": 1, "Operator made Sam provider staff": 1}
		for _, s := range told {
			want[s]--
		}
		for s, n := range want {
			if n > 0 {
				t.Errorf("the provider's log lacks %q: %q", s, told)
			}
		}
	})
}

// Whoever was removed while their request was under way changes nothing with it: whoever commits first decides.
func TestA38RemovedStaffFinishNothing(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Open("harbour")
		sam, alex := r.Staff("sam@voice.example"), r.Staff("alex@voice.example")
		must(t, r.RemoveStaff(t.Context(), sam, alex.PersonID))
		before, err := r.BySlug(t.Context(), sam, "harbour")
		must(t, err)
		for name, do := range map[string]func() error{
			"open": func() error {
				return third(r.Room.Open(t.Context(), alex, account.NewAccount{Name: "Reef", AdminEmail: "pat@reef.example"}))
			},
			"limit":   func() error { return second(r.SetPhoneUserLimit(t.Context(), alex, before.ID, 99)) },
			"suspend": func() error { return second(r.Suspend(t.Context(), alex, before.ID, "unpaid")) },
			"staff":   func() error { return third(r.AddStaff(t.Context(), alex, "kim@voice.example", "Kim")) },
			"remove":  func() error { return r.RemoveStaff(t.Context(), alex, sam.PersonID) },
			"terms": func() error {
				return second(r.PublishTerms(t.Context(), alex, account.NewTerms{Terms: "a", Privacy: "b"}))
			},
		} {
			if err := do(); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s by somebody who was removed: %v", name, err)
			}
		}
		after, err := r.BySlug(t.Context(), sam, "harbour")
		must(t, err)
		if after != before {
			t.Errorf("the account became %+v", after)
		}
		if people, err := r.StaffPeople(t.Context(), sam); err != nil || len(people) != 1 {
			t.Errorf("staff: %v, %v", people, err)
		}
	})
}
