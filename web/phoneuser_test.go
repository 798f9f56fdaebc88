package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/phoneuser"
)

// One form for a phone, and from there to signing in; and from a hub user to a phone.
func TestPhoneUsersAndHubUsersLeadToEachOther(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Billing)
		v := w.as(admin)
		v.open("/harbour/hub-users/"+jo.ID()).shows(200, "*", "Give them a phone")
		v.open("/harbour/phone-users/new?email=jo%40harbour.example&name=Jo+Baptiste").press("Add phone user", "sign_in", "on")
		if !strings.Contains(v.url.Path, "/harbour/hub-users/invite") && !strings.Contains(v.url.Path, "/check") {
			t.Fatalf("with “also let this person sign in” the form leads to %s", v.url.Path)
		}
		v.open("/harbour/phone-users").shows(200, "/harbour/phone-users", "Jo Baptiste", "jo@harbour.example", "101", "Not set up yet", "You are using 1 of 10 phone users")
	})
}

// The link in the mail shows nothing secret, yields details once, and says afterwards that it was used.
func TestSettingUpAPhone(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Open("harbour"))
		v.open("/harbour/phone-users/new").press("Add phone user", "display_name", "Mary Chen", "email", "mary@harbour.example", "app_enabled", "on")
		link := w.link("mary@harbour.example", "phone is ready", phoneuser.SetUpPath)
		phone := w.browser("192.0.2.7")
		phone.open(link).shows(200, link, "Mary Chen", "101").lacks("Password")
		phone.open(link).press("Show details to type in", "kind", "phone").shows(200, link, "User name", "Password", "sip.hubline.test", "*43")
		phone.open(link).shows(409, link, "This link has been used")
		v.open("/harbour/phone-users").shows(200, "*", "Not connected")

		v.follow("Mary Chen").press("Resend set-up details")
		link = w.link("mary@harbour.example", "phone is ready", phoneuser.SetUpPath)
		phone.open(link).press("Set up an app by QR code", "kind", "app").shows(200, link, "Linphone", phoneuser.ProvisionPath).lacks("Password")

		for range phoneuser.DevicesMost - 2 { // no place is left: the page says so, and the link goes on working
			v.press("Resend set-up details")
			w.Clock.Advance(2 * time.Minute)
			link = w.link("mary@harbour.example", "phone is ready", phoneuser.SetUpPath)
			phone.open(link).press("Show details to type in", "kind", "phone").shows(200, link, "Password")
		}
		v.press("Resend set-up details")
		link = w.link("mary@harbour.example", "phone is ready", phoneuser.SetUpPath)
		phone.open(link).press("Show details to type in", "kind", "phone").shows(409, link, "There is a problem", "the most there can be", "Show details to type in").lacks("Password")
	})
}

// A list that was pasted is looked over first, and what is wrong does not hold up the rest.
func TestImportingPhoneUsers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Open("harbour"))
		rows := "Extension\tDisplay name\tEmail\n201\tSam Okafor\tsam@harbour.example\n000\tZed Zero\t\n202\tAmy Lee\t\n"
		v.open("/harbour/imports").press("Check the list", "rows", rows).shows(200, "*", "Import 2 phone users", "1 row needs a look", "Row 3")
		v.press("Import 2 phone users", "step", "import")
		w.RunJobs()
		v.open(v.url.Path).shows(200, "*", "Imported", "Skipped")
		v.open("/harbour/phone-users").shows(200, "*", "Sam Okafor", "Amy Lee").lacks("Zed Zero")
		v.open("/harbour/phone-users.csv").shows(200, "*", "201,Sam Okafor,sam@harbour.example")
	})
}

// The seat over the plan is refused with the number, the form keeps what was typed, and the way out is a press away.
func TestOverThePlan(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		if _, err := w.SetPhoneUserLimit(t.Context(), account.Operate(), admin.Account.ID, 1); err != nil {
			t.Fatal(err)
		}
		v := w.as(admin)
		v.open("/harbour/phone-users/new").press("Add phone user", "display_name", "Mary Chen", "app_enabled", "")
		v.open("/harbour/phone-users/new").press("Add phone user", "display_name", "Jo Baptiste", "app_enabled", "").shows(409, "*", "You are using 1 of 1 phone users", "Ask for more")
		if _, typed := v.form("Add phone user"); typed.Get("display_name") != "Jo Baptiste" {
			t.Errorf("the form keeps %v", typed)
		}
		v.open("/harbour/phone-users").shows(200, "*", "Ask for more", "none left on your plan")
	})
}

// A Standard user renames a number and nothing else; an admin chooses where it leads.
func TestNumbersByRole(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		clerk := w.Join(admin, "clerk@harbour.example")
		if _, err := w.numbers.Assign(t.Context(), account.Operate().Inside(admin.Account), "02 5550 0142", "Main"); err != nil {
			t.Fatal(err)
		}
		u, err := w.phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen"}, "")
		if err != nil {
			t.Fatal(err)
		}
		page := "/harbour/numbers/" + url.PathEscape("+61255500142")
		v := w.as(clerk)
		v.open(page).shows(200, "*", "02 5550 0142", "Service name").lacks("Leads to")
		v.press("Save changes", "service_name", "Front desk").shows(200, "/harbour/numbers", "Front desk").lacks("Mary Chen")
		w.as(admin).open(page).press("Save changes", "phone_user_id", u.ID).shows(200, "/harbour/numbers", "rings Mary Chen, extension 101 now")
	})
}

// A form that is only saved changes nothing, also when the list of choices is longer than the page offers.
func TestALongListKeepsWhatIsStored(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		if _, err := w.SetPhoneUserLimit(t.Context(), account.Operate(), admin.Account.ID, leadChoices+10); err != nil {
			t.Fatal(err)
		}
		if _, err := w.numbers.Assign(t.Context(), account.Operate().Inside(admin.Account), "02 5550 0142", "Main"); err != nil {
			t.Fatal(err)
		}
		var rows strings.Builder
		rows.WriteString("Extension,Display name\n")
		for i := range 500 {
			fmt.Fprintf(&rows, "%d,Desk %d\n", 20000+i, i)
		}
		list, err := w.phones.Review(t.Context(), admin.Actor(), rows.String())
		if err == nil {
			_, err = w.phones.RunImport(t.Context(), admin.Actor(), list.ID, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.RunJobs()
		last, err := w.phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "99999", DisplayName: "The Last"}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.numbers.Lead(t.Context(), admin.Actor(), "+61255500142", last.ID, 0); err != nil {
			t.Fatal(err)
		}
		w.as(admin).open("/harbour/numbers/+61255500142").press("Save changes", "service_name", "Front desk").shows(200, "/harbour/numbers", "Front desk", "The Last, extension 99999")
	})
}
