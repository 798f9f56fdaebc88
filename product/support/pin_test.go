package support_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/support"
)

// S25: who calls support proves it with digits from their own page. Staff learn who it is, in which account, and what their roles may ask for.
func TestS25ASupportPINTellsWhoCalls(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo, bea := r.Join(admin, "jo@harbour.example"), r.Join(admin, "bea@harbour.example", account.Billing)
		sam := r.Staff("sam@voice.example")
		seen := map[string]bool{}
		for _, c := range []struct {
			who  interface{ Actor() account.Actor }
			name string
			ask  string
			not  string
		}{
			{admin, "Admin", "Changes of phone users", "Nothing"}, {jo, "Jo", "Nothing that changes the account", "Invoice"}, {bea, "Bea", "Invoice details", "Changes of phone"},
		} {
			pin, until, err := r.room.MakePIN(ctx, c.who.Actor())
			must(t, err)
			if len(pin) != 6 || seen[pin] || until != r.Clock.Now().Add(support.PINLife).UnixMilli() {
				t.Errorf("%s shows %q until %d", c.name, pin, until)
			}
			seen[pin] = true
			caller, err := r.room.UsePIN(ctx, sam, " "+pin[:3]+" "+pin[3:]+" ")
			must(t, err)
			words := strings.Join(caller.MayAsk, " ")
			if caller.Label() != c.name || caller.Account.Slug != "harbour" || !strings.Contains(words, c.ask) || strings.Contains(words, c.not) {
				t.Errorf("%s is %+v", c.name, caller)
			}
			if _, err := r.room.UsePIN(ctx, sam, pin); codeOf(err) != "pin-wrong" {
				t.Errorf("a PIN works twice: %v", err)
			}
		}
		for log, reader := range map[string]account.Actor{"the account's": admin.Actor(), "the provider's": sam} {
			who := map[string]string{"the account's": "Provider staff", "the provider's": "Sam"}[log]
			if got, wish := r.told(reader), []string{who + " checked the support PIN of Admin", who + " checked the support PIN of Jo", who + " checked the support PIN of Bea"}; !slices.Equal(got, wish) {
				t.Errorf("%s log tells %q", log, got)
			}
		}
	})
}

// S25: every PIN that does not work gets the same answer, and guessing is slowed.
func TestS25WrongPINsAreAnsweredAlikeAndSlowed(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo, lee := r.Join(admin, "jo@harbour.example"), r.Join(admin, "lee@harbour.example")
		pin := func(a account.Actor) string {
			t.Helper()
			pin, _, err := r.room.MakePIN(ctx, a)
			must(t, err)
			return pin
		}
		replaced := pin(jo.Actor())
		right := pin(jo.Actor())
		removed := pin(lee.Actor())
		must(t, second2(r.RemoveHubUser(ctx, admin.Actor(), lee.ID(), 0)))
		old := pin(admin.Actor())
		r.Clock.Advance(support.PINLife)
		late := right
		right = pin(jo.Actor())
		answers := map[string]bool{}
		for i, wrong := range []string{replaced, removed, old, late} {
			if wrong == right {
				continue
			}
			_, err := r.room.UsePIN(ctx, r.Staff("s"+string(rune('a'+i))+"@voice.example"), wrong)
			f, ok := fault.Of(err)
			if !ok || f.Code != "pin-wrong" {
				t.Errorf("PIN %d: %v", i, err)
			}
			answers[err.Error()] = true
		}
		if len(answers) != 1 {
			t.Errorf("different answers: %v", answers)
		}
		typist := r.Staff("typist@voice.example")
		for _, bad := range []string{"", "12345", "1234567", "12345a"} {
			if _, err := r.room.UsePIN(ctx, typist, bad); codeOf(err) != "pin-form" {
				t.Errorf("%q: %v", bad, err)
			}
		}
		sam := r.Staff("sam@voice.example")
		slowed := 0
		for n := range 20 {
			guess := []string{"000000", "000001"}[n%2]
			if guess == right {
				continue
			}
			if _, err := r.room.UsePIN(ctx, sam, guess); fault.Is(err, fault.TooMany) {
				slowed++
			}
		}
		if slowed < 10 {
			t.Errorf("of 20 guesses in a row %d were slowed", slowed)
		}
		if _, err := r.room.UsePIN(ctx, sam, right); !fault.Is(err, fault.TooMany) {
			t.Errorf("who guesses gets the right one through at once: %v", err)
		}
		r.Clock.Advance(10 * time.Minute)
		must(t, second2(r.room.UsePIN(ctx, sam, right)))
	})
}

// Row A07: each kind of request is for those whose roles cover it; the others are told who can ask. Staff see the roles of that moment.
func TestRowA07RolesDecideWhatMayBeAsked(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		owner, ctx := r.Open("harbour"), t.Context()
		admin, jo, bea := r.Join(owner, "amy@harbour.example", account.Admin), r.Join(owner, "jo@harbour.example"), r.Join(owner, "bea@harbour.example", account.Billing)
		ask := func(a account.Actor, kind support.Kind) (support.Ticket, error) {
			return r.room.Open(ctx, a, support.NewTicket{Kind: kind, Subject: "About " + string(kind), Description: "Details", Wanted: 20})
		}
		for _, c := range []struct {
			who  account.Actor
			kind support.Kind
			may  bool
			told string
		}{
			{admin.Actor(), support.Question, true, ""}, {admin.Actor(), support.PhoneUserLimit, true, ""}, {admin.Actor(), support.InvoiceDetails, false, "Billing"},
			{bea.Actor(), support.Question, false, "Ask Admin or Amy"}, {bea.Actor(), support.PhoneUserLimit, false, "Ask Admin or Amy"}, {bea.Actor(), support.InvoiceDetails, true, ""},
			{jo.Actor(), support.Question, false, "Account admin"}, {jo.Actor(), support.PhoneUserLimit, false, "Account admin"}, {jo.Actor(), support.InvoiceDetails, false, ""},
			{owner.Actor(), support.InvoiceDetails, true, ""},
		} {
			_, err := ask(c.who, c.kind)
			f, _ := fault.Of(err)
			if c.may && err != nil || !c.may && (f == nil || f.Kind != fault.Forbidden || !strings.Contains(f.Message, c.told)) {
				t.Errorf("%s asks for %s: %v", c.who.Name, c.kind, err)
			}
		}
		// Whoever lost the role a moment ago, when their request was on its way, asks for nothing with it, though they may ask for other things.
		was := admin.Actor()
		_, err := r.ChangeHubUser(ctx, owner.Check().Actor(), admin.ID(), account.Change{Roles: &account.Roles{account.Billing}}, 0)
		must(t, err)
		if _, err := ask(was, support.Question); !fault.Is(err, fault.Forbidden) {
			t.Errorf("after Admin became Billing: %v", err)
		}
		_, err = r.ChangeHubUser(ctx, owner.Check().Actor(), admin.ID(), account.Change{Roles: &account.Roles{account.Admin}}, 0)
		must(t, err)
		kinds := func(a account.Actor) (list []string) {
			t.Helper()
			tickets, _, err := r.room.List(ctx, a, support.Filter{})
			must(t, err)
			for _, ticket := range tickets {
				list = append(list, string(ticket.Kind))
			}
			slices.Sort(list)
			return list
		}
		all := []string{"invoice-details", "invoice-details", "phone-user-limit", "question"}
		for who, wish := range map[*account.Actor][]string{ptr(admin.Actor()): all[2:], ptr(bea.Actor()): all[:2], ptr(owner.Actor()): all, ptr(r.Staff("sam@voice.example").Inside(owner.Account)): all} {
			if got := kinds(*who); !slices.Equal(got, wish) {
				t.Errorf("%s sees %v, want %v", who.Name, got, wish)
			}
		}
		bill, err := ask(bea.Actor(), support.InvoiceDetails)
		must(t, err)
		if !bill.RequesterRoles.Equal(account.Roles{account.Billing}) {
			t.Errorf("staff see the roles %v", bill.RequesterRoles)
		}
		if _, err := r.room.Answer(ctx, admin.Actor(), bill.ID, support.Answer{Text: "Mine"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("an admin answers a request about bills: %v", err)
		}
		if _, err := r.room.ByID(ctx, admin.Actor(), bill.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("an admin reads a request about bills: %v", err)
		}
		must(t, second2(r.room.Answer(ctx, bea.Actor(), bill.ID, support.Answer{Text: "And the postcode"})))
	})
}

func ptr[T any](v T) *T { return &v }
