// Package phoneusertest gives tests a room "phoneuser" that works: on a real store, beside a real room "account", with numbers that the
// test hands out, phone users and devices. It knows no doors and no SIP, and makes no assertions of its own.
package phoneusertest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
)

// Domain is the SIP domain of a Rig.
const Domain = "sip.hubline.test"

// Numbers are who owns which number, until a test has the room that knows. It is safe for use by many goroutines.
type Numbers struct {
	mu    sync.Mutex
	owner map[string]string // account by E.164
	leads map[string]string // phone user by E.164
}

// Own gives numbers in E.164 to an account.
func (n *Numbers) Own(a account.Account, numbers ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e164 := range numbers {
		n.owner[e164] = a.ID
	}
}

// Lead makes a number ring a phone user.
func (n *Numbers) Lead(e164, phoneUserID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leads[e164] = phoneUserID
}

func (n *Numbers) owns(_ context.Context, _ db.Q, accountID, e164 string) (tel.Kind, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return tel.For("AU").Kind(e164), n.owner[e164] == accountID, nil
}

func (n *Numbers) leadsTo(_ context.Context, _ db.Q, _, phoneUserID string) (list []string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for e164, id := range n.leads {
		if id == phoneUserID {
			list = append(list, e164)
		}
	}
	return list, nil
}

// Rig is both rooms with everything around them. Its helpers end the test when they fail, so call them from the test's own goroutine.
type Rig struct {
	*accounttest.Rig
	Phones  *phoneuser.Room
	Numbers *Numbers

	t testing.TB
}

// New returns a Rig on the store, which must be migrated; adjust changes the configuration of the room.
func New(t testing.TB, d *db.DB, adjust ...func(*phoneuser.Config)) *Rig {
	t.Helper()
	return With(t, accounttest.New(t, d), adjust...)
}

// With is New on a rig of the room "account" that exists.
func With(t testing.TB, accounts *accounttest.Rig, adjust ...func(*phoneuser.Config)) *Rig {
	t.Helper()
	r := &Rig{Rig: accounts, Numbers: &Numbers{owner: map[string]string{}, leads: map[string]string{}}, t: t}
	config := phoneuser.Config{DB: r.DB, Jobs: r.Jobs, Keys: r.Keys, Account: r.Room, Plan: tel.For("AU"), Log: r.Room.Log, Now: r.Clock.Now,
		BaseURL: accounttest.BaseURL, Domain: Domain, Owns: r.Numbers.owns, LeadsTo: r.Numbers.leadsTo}
	for _, a := range adjust {
		a(&config)
	}
	r.Phones = phoneuser.New(config)
	return r
}

// Seats sets how many phone users the plan of the user's account holds.
func (r *Rig) Seats(u *accounttest.User, limit int) {
	r.t.Helper()
	if _, err := r.SetPhoneUserLimit(r.t.Context(), account.Operate(), u.Account.ID, limit); err != nil {
		r.t.Fatalf("set the limit of %s: %v", u.Account.Slug, err)
	}
}

// Add adds a phone user with the app on and the address <extension>@<slug>.example.
func (r *Rig) Add(admin *accounttest.User, extension, name string) phoneuser.User {
	r.t.Helper()
	u, err := r.Phones.Add(r.t.Context(), admin.Actor(), phoneuser.Settings{Extension: extension, DisplayName: name,
		Email: extension + "@" + admin.Account.Slug + ".example", LocalPrefix: "02", AppEnabled: true}, "")
	if err != nil {
		r.t.Fatalf("add %s: %v", name, err)
	}
	return u
}

// Device makes a device of a phone user and returns what it signs in with, password included.
func (r *Rig) Device(admin *accounttest.User, phoneUserID, kind string) phoneuser.Details {
	r.t.Helper()
	d, err := r.Phones.Provide(r.t.Context(), account.Operate().Inside(admin.Account), phoneUserID, kind)
	if err != nil {
		r.t.Fatalf("make a device: %v", err)
	}
	return d
}

// Link runs the jobs and returns the token in the newest mail with a set-up link to an address, or "".
func (r *Rig) Link(email string) string {
	r.t.Helper()
	r.RunJobs()
	mails := r.Mails.To(email)
	for n := len(mails) - 1; n >= 0; n-- {
		if _, rest, found := strings.Cut(mails[n].Text, accounttest.BaseURL+phoneuser.SetUpPath); found {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

// Location returns where a device is for an hour, as if it had just registered. Cseq counts its registrations.
func (r *Rig) Location(u phoneuser.User, deviceID string, cseq uint32) phoneuser.Location {
	return phoneuser.Location{AccountID: u.AccountID, PhoneUserID: u.ID, DeviceID: deviceID, ContactKey: "sip:" + deviceID, Contact: "sip:" + deviceID + "@192.0.2.9:5062",
		Flow: "udp 192.0.2.9:5062", CallID: "call-" + deviceID, CSeq: cseq, UserAgent: "baresip v1.0.0", Address: "192.0.2.9", Node: "one",
		ExpiresAt: r.Clock.Now().Add(time.Hour).UnixMilli()}
}
