package browser

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"hubline/product/phoneuser"
	"hubline/sip"
	"hubline/test/handset"
)

// phone is a real phone of extension 101 of northside, which has not called anybody yet, signed in.
func (d *demo) phone(t *testing.T) *handset.Phone {
	t.Helper()
	to, err := netip.ParseAddrPort(d.SIP)
	if err != nil {
		t.Fatal(err)
	}
	u := d.Accounts[1].PhoneUsers[0]
	phone := handset.Open(t, "127.0.0.1", to).Phone(phoneuser.Details{Username: u.SIP.Username, Password: u.SIP.Password, Domain: u.SIP.Domain, Algorithm: u.SIP.Algorithm})
	if status, err := phone.Register(t.Context(), 1); status != 200 {
		t.Fatalf("extension %s signs in: %d, %v", u.Extension, status, err)
	}
	return phone
}

// dial calls a number and returns when it is answered.
func dial(t *testing.T, phone *handset.Phone, number string) *sip.Leg {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	leg, err := phone.Call(ctx, number)
	if err != nil {
		t.Fatalf("a call to %s: %v", number, err)
	}
	return leg
}

// TestPagesFollowCalls watches a call as people do: it is on the page of calls while it goes on, in the report the moment it ends, and an
// admin can end the next one. Nobody reloads a page.
func TestPagesFollowCalls(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	now, report := sit(t, d), sit(t, d)
	for _, p := range []*person{now, report} {
		p.signIn(d.who(t, "northside", "admin,billing"))
	}
	phone := d.phone(t)
	now.open("/northside/calls")
	now.sees("Nobody is on the phone")
	report.open("/northside/reports/outbound-calls?days=7") // today ends at midnight in Melbourne, and so might this test
	report.sees("In the last 7 days no calls went out.")

	leg := dial(t, phone, "0491570006")
	now.sees("Talking")
	now.sees("0491 570 006")
	leg.Hangup()
	now.sees("Nobody is on the phone")
	report.sees("In the last 7 days 1 call went out; it was answered")
	report.sees("0491 570 006")

	leg = dial(t, phone, "0491570006")
	now.sees("Talking")
	now.press("End call")
	now.sees("Both sides are cut off now.")
	now.choose("End call")
	now.sees("was ended.")
	for ev := range leg.Events() { // closed when the phone's side is over
		if ev.Kind == sip.Failed {
			t.Error("the phone was not told")
		}
	}
	report.sees("In the last 7 days 2 calls went out; all were answered")

	leg = dial(t, phone, "0491570006")
	report.visit([]place{{"calls-now", "/northside/calls", nil}, {"calls-end", "/northside/calls", func(p *person) { p.press("End call"); p.sees("Both sides") }}})
	leg.Hangup()
	report.open("/northside/reports/all-calls")
	report.choose(eval[string](report, `document.querySelector('#report section tbody a').innerText`))
	report.sees("What happened")
	report.visit([]place{
		{"report-all", "/northside/reports/all-calls", nil},
		{"report-outbound", "/northside/reports/outbound-calls?days=28", func(p *person) { p.press("The figures by day") }},
		{"report-none", "/northside/reports/inbound-calls", nil},
		{"report-no-match", "/northside/reports/all-calls?q=nobody-has-this-name", nil},
		{"report-wrong", "/northside/reports/all-calls?from=yesterday", nil},
		{"call", report.at(), nil},
		{"home-calls", "/northside/", nil},
	})
}
