package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// demoNumber is a number of a demo account; leads names the extension that it rings, or nothing.
type demoNumber struct{ number, service, leads string }

// demoSeat is a phone user of a demo account.
type demoSeat struct{ extension, name, email, prefix, callerID, sms string }

// demoPhones are numbers and phone users by account. Every number is one that Australia sets aside for fiction.
var demoPhones = map[string]struct {
	numbers []demoNumber
	seats   []demoSeat
}{
	"harbour": {
		numbers: []demoNumber{{"+61255500142", "Main line", "101"}, {"+61255500143", "Manly", "103"}, {"+61491570156", "Mobile", "104"},
			{"+61491570157", "Reminders", ""}, {"+611300975707", "Free check-ups", "102"}},
		seats: []demoSeat{
			{"101", "Mary Chen", "mary.chen@harbourdental.example", "02", "+61255500142", "+61491570157"},
			{"102", "Jo Baptiste", "jo.baptiste@harbourdental.example", "02", "+61255500142", ""},
			{"103", "Reception Manly", "reception.manly@harbourdental.example", "02", "+61255500143", ""},
			{"104", "Tom Okafor", "tom.okafor@harbourdental.example", "07", "+61491570156", "+61491570156"},
			{"105", "Surgery 1", "", "02", "+61255500142", ""},
		},
	},
	"northside": {
		numbers: []demoNumber{{"+61370101234", "Front desk", "101"}, {"+61491570158", "Mobile", ""}},
		seats: []demoSeat{
			{"101", "Lena Kovac", "lena.kovac@northside.example", "03", "+61370101234", ""},
			{"102", "Ruby Tran", "ruby.tran@northside.example", "03", "+61370101234", ""},
		},
	},
}

// seedPhones gives an account its numbers and phone users, as staff and an admin would.
func (d *demo) seedPhones(ctx context.Context, admin account.Actor, slug string) error {
	operator := account.Operate().Inside(admin.Account)
	set := demoPhones[slug]
	for _, n := range set.numbers {
		if _, err := d.numbers.Assign(ctx, operator, n.number, n.service); err != nil {
			return fmt.Errorf("number %s: %w", n.number, err)
		}
	}
	ids := map[string]string{}
	for _, s := range set.seats {
		u, err := d.phones.Add(ctx, admin, phoneuser.Settings{Extension: s.extension, DisplayName: s.name, Email: s.email, LocalPrefix: s.prefix,
			CallerID: s.callerID, SMSNumber: s.sms, AppEnabled: s.email != ""}, "")
		if err != nil {
			return fmt.Errorf("phone user %s: %w", s.extension, err)
		}
		ids[s.extension] = u.ID
	}
	for _, n := range set.numbers {
		if n.leads == "" {
			continue
		}
		if _, err := d.numbers.Lead(ctx, admin, n.number, ids[n.leads], 0); err != nil {
			return fmt.Errorf("number %s: %w", n.number, err)
		}
	}
	return nil
}

// demoNumberAbout, demoPhoneUser and demoSIP are parts of demo.json.
type demoNumberAbout struct {
	Number      string `json:"number"`
	Kind        string `json:"kind"`
	ServiceName string `json:"service_name"`
}

type demoPhoneUser struct {
	Extension   string   `json:"extension"`
	DisplayName string   `json:"display_name"`
	LocalPrefix string   `json:"local_prefix"`
	CallerID    string   `json:"caller_id"`
	SIP         *demoSIP `json:"sip,omitempty"` // nil when the phone user's places are taken
	SIPSHA256   *demoSIP `json:"sip_sha256,omitempty"`
}

type demoSIP struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	Domain    string `json:"domain"`
	Algorithm string `json:"algorithm"`
}

// phonesAbout lists the numbers and phone users of an account as they are now. A phone user's two devices are made at the first start;
// later starts know their passwords from the file of the start before, as the store does not.
func (d *demo) phonesAbout(ctx context.Context, actor account.Actor) (numbers []demoNumberAbout, users []demoPhoneUser, err error) {
	owned, _, err := d.numbers.List(ctx, actor, number.Filter{Limit: 500})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range owned {
		numbers = append(numbers, demoNumberAbout{n.Number, string(n.Kind), n.ServiceName})
	}
	seats, _, err := d.phones.List(ctx, actor, phoneuser.Filter{Limit: 500})
	if err != nil {
		return nil, nil, err
	}
	for _, u := range seats {
		if !u.AppEnabled {
			continue
		}
		about := demoPhoneUser{Extension: u.Extension, DisplayName: u.DisplayName, LocalPrefix: u.LocalPrefix, CallerID: u.CallerID}
		if about.SIP, err = d.device(ctx, actor, u, phoneuser.Phone); err != nil {
			return nil, nil, err
		}
		if about.SIPSHA256, err = d.device(ctx, actor, u, phoneuser.PhoneSHA256); err != nil {
			return nil, nil, err
		}
		users = append(users, about)
	}
	return numbers, users, nil
}

// device returns the credential of one of the demo's own devices: the one of the last start if it still works, else a new one, nil when
// the phone user has no place for it.
func (d *demo) device(ctx context.Context, actor account.Actor, u phoneuser.User, kind string) (*demoSIP, error) {
	for _, known := range d.sips[actor.Account.Slug+u.Extension] {
		c, err := d.phones.Credential(ctx, known.Username)
		if err == nil && c.PhoneUserID == u.ID && (kind == phoneuser.Phone) == (known.Algorithm == "MD5") {
			return &known, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	details, err := d.phones.Provide(ctx, account.Operate().Inside(actor.Account), u.ID, kind)
	if fault.Is(err, fault.Conflict) { // somebody filled the phone user's places with devices of their own
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &demoSIP{details.Username, details.Password, details.Domain, details.Algorithm}, nil
}

// readSIPs returns the devices that an earlier start wrote, by account and extension.
func readSIPs(path string) map[string][]demoSIP {
	known := map[string][]demoSIP{}
	var about demoAbout
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &about) != nil {
		return known
	}
	for _, a := range about.Accounts {
		for _, u := range a.PhoneUsers {
			key := a.Slug + u.Extension
			for _, s := range []*demoSIP{u.SIP, u.SIPSHA256} {
				if s != nil {
					known[key] = append(known[key], *s)
				}
			}
		}
	}
	return known
}
