package web

import (
	"strings"
	"testing"

	"hubline/product/account"
	"hubline/product/phoneuser"
	"hubline/product/support"
)

// One box finds anything. From a phone number to its account it takes two presses: search, and the account.
func TestStaffFindAnything(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		north := w.Rig.OpenFor("northside", "nina@north.example")
		w.Join(north, "jo@harbour.example", account.Billing)
		jo := w.Join(owner, "jo@harbour.example")
		if _, err := w.numbers.Assign(t.Context(), account.Operate().Inside(owner.Account), "+61255500142", "Main line"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.phones.Add(t.Context(), owner.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen", LocalPrefix: "02"}, ""); err != nil {
			t.Fatal(err)
		}
		asked, err := w.support.Open(t.Context(), owner.Actor(), support.NewTicket{Kind: support.Question, Subject: "Hold music", Description: "How?"})
		if err != nil {
			t.Fatal(err)
		}
		sam := w.staff("sam@provider.example")
		for _, c := range []struct{ typed, shows, leads string }{
			{"harbour", "Harbour Group", "/console/accounts/harbour"}, {"10001", "Harbour Group", "/console/accounts/harbour"},
			{"0255500142", "02 5550 0142", "/console/accounts/harbour"}, {"(02)%205550-0142", "02 5550 0142", "/console/accounts/harbour"}, {"%2B61255500142", "02 5550 0142", "/console/accounts/harbour"},
			{"harbour%20101", "Mary Chen", "/console/accounts/harbour"}, {"10001%20101", "Mary Chen", "/console/accounts/harbour"},
			{ticketNumber(asked), "Hold music", "/console/requests/" + ticketNumber(asked)}, {"JO@harbour.example", "jo@harbour.example", "/console/people/" + jo.Actor().PersonID},
		} {
			sam.open("/console/accounts?q="+c.typed).shows(200, "/console/accounts", c.shows)
			if !strings.Contains(sam.body, `href="`+c.leads+`"`) {
				t.Errorf("%s: nothing leads to %s: %s", c.typed, c.leads, sam.text())
			}
		}
		sam.open("/console/people/"+jo.Actor().PersonID).shows(200, "/console/people/*", "jo@harbour.example", "Harbour Group", "Standard", "Northside Group", "Billing", "Active")
		sam.open("/console/accounts?q=nobody@harbour.example").shows(200, "/console/accounts", "No account matches")
		sam.open("/console/people/x").shows(404, "/console/people/x")
	})
}
