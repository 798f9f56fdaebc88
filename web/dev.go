package web

import (
	"encoding/json"
	"net/url"
	"time"
)

// sample is the made-up data of the component page.
type sample struct {
	Rows      []sampleRow
	Good, Bad *Form
	Query     url.Values
	Says      string
	Late      int64
	Ago       map[string]int64
}

type sampleRow struct {
	ID, Name, Email, Access, Kind, Status, Icon string
	Sent, Accepted, Seen                        int64
}

// components shows every component in every state. It exists in development builds only, and tests photograph it.
func (p *Portal) components(r *Request) error {
	at := func(d time.Duration) int64 { return p.Now().Add(d).UnixMilli() }
	const day = 24 * time.Hour
	says, err := json.Marshal(map[string][2]string{
		"":              {"This person will be a standard user: see phone numbers and general reports, and rename numbers. Nothing else.", "{n} people will be standard users: see phone numbers and general reports, and rename numbers. Nothing else."},
		"admin":         {"This person can manage users, phones, numbers and call flows. No billing.", "{n} people can manage users, phones, numbers and call flows. No billing."},
		"billing":       {"This person can see invoices and pay. Nothing else in the portal.", "{n} people can see invoices and pay. Nothing else in the portal."},
		"admin,billing": {"This person can manage users, phones, numbers and call flows, and can see invoices and pay.", "{n} people can manage users, phones, numbers and call flows, and can see invoices and pay."},
	})
	if err != nil {
		return err
	}
	bad := &Form{values: url.Values{"bad-email": {"jo@harbour"}}}
	bad.Wrong("bad-name", "Enter a name")
	bad.Wrong("bad-email", "Enter an email address in the form name@example.com")
	data := sample{
		Rows: []sampleRow{
			{"1", "Priya Nair", "priya.nair@harbourdental.example", "Admin, Billing", "ok", "Active", "ok", at(-280 * day), at(-280 * day), at(-16 * time.Minute)},
			{"2", "Tom Okafor", "tom.okafor@harbourdental.example", "Admin", "ok", "Active", "ok", at(-280 * day), at(-279 * day), at(-22 * time.Hour)},
			{"3", "Accounts team", "accounts@harbourdental.example", "Billing", "ok", "Active", "ok", at(-400 * day), at(-399 * day), at(-16 * day)},
			{"4", "", "jo.baptiste@harbourdental.example", "Standard", "warn", "Invited, 5 days left", "mail", at(-2 * day), 0, 0},
			{"5", "", "reception.manly@harbourdental.example", "Admin", "bad", "Invite expired", "clock", at(-17 * day), 0, 0},
			{"6", "", "old.address@harbourdental.example", "Standard", "bad", "Email bounced", "bad", at(-26 * time.Hour), 0, 0},
			{"7", "Sam Whitford", "sam@northside-it.example", "Admin", "", "Deactivated", "pause", at(-240 * day), at(-240 * day), at(-21 * day)},
		},
		Good: &Form{values: url.Values{"name": {"Mary Chen"}, "roles": {"admin"}, "zone": {"Australia/Sydney"}, "app": {"on"}, "life": {"7"}}},
		Bad:  bad, Query: url.Values{"sort": {"name"}, "page": {"3"}}, Says: string(says), Late: at(3 * day),
		Ago: map[string]int64{"minute": at(-time.Minute), "hours": at(-3 * time.Hour), "day": at(-day)},
	}
	r.Viewer = &Viewer{Name: "Priya Nair", Email: "priya.nair@harbourdental.example", Zone: p.Zone, Theme: r.theme(),
		Can:      func(string) bool { return true },
		Accounts: []Account{{"harbour", "10482", "Harbour Dental Group", "Admin, Billing"}, {"northside", "10511", "Northside Physio", "Standard"}}}
	r.Viewer.Account = &r.Viewer.Accounts[0]
	if theme := r.URL.Query().Get("theme"); theme != "" {
		r.Viewer.Theme = theme
	}
	return r.Render("dev/components.html", Page{Title: "Components", Section: "hub-users", Crumbs: []Link{{"Development", "/dev/components"}}, Data: data,
		Banner: &Banner{Text: "Invitation sent to jo.baptiste@harbourdental.example.", Link: "#tables", Label: "Show in list", Undo: "/dev/components"}})
}
