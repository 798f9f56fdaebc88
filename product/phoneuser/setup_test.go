package phoneuser_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

func hexMD5(text string) string { sum := md5.Sum([]byte(text)); return hex.EncodeToString(sum[:]) }

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// From the mail to a phone that can sign in: the link shows nothing secret however often it is looked at, and yields one device.
func TestSetUpAPhone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142")
		u := must(r.Phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen", Email: "mary@harbour.example",
			CallerID: "0255500142", AppEnabled: true}, ""))(t)
		token := r.Link("mary@harbour.example")
		mail := r.Mails.To("mary@harbour.example")[0]
		for _, want := range []string{"Your phone is ready: extension 101", "Name shown: Mary Chen", "Extension: 101", "Calls show: 02 5550 0142",
			"24 November 2026, 9:00 am (Sydney)", "Harbour Group gave you a phone extension", "Ask Admin"} {
			if !strings.Contains(mail.Subject+mail.Text, want) {
				t.Errorf("the mail lacks %q:\n%s", want, mail.Text)
			}
		}
		if mail.ReplyTo != admin.Email {
			t.Errorf("answers go to %q", mail.ReplyTo)
		}
		for range 3 {
			s := must(r.Phones.SetUp(t.Context(), token))(t)
			if s.AccountName != "Harbour Group" || s.Extension != "101" || s.DisplayName != "Mary Chen" || s.CallerID != "+61255500142" {
				t.Errorf("%+v", s)
			}
		}
		if read := must(r.Phones.ByID(t.Context(), admin.Actor(), u.ID))(t); read.Devices != 0 || read.Delivery != phoneuser.Sent {
			t.Errorf("looking changed %+v", read)
		}
		_, err := r.Phones.TakeDetails(t.Context(), token, "toaster", "", "")
		refused(t, err, "device-kind")
		got := must(r.Phones.TakeDetails(t.Context(), token, phoneuser.Phone, accounttest.UserAgent, accounttest.Address))(t)
		if got.Domain != phoneusertest.Domain || got.Algorithm != "MD5" || got.Extension != "101" || got.ProvisionURL != "" || got.Server != phoneusertest.Domain {
			t.Errorf("%+v", got)
		}
		if !regexp.MustCompile(`^m[a-z2-7]{20}$`).MatchString(got.Username) || !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(got.Password) {
			t.Errorf("name %q, password %q", got.Username, got.Password)
		}
		c := must(r.Phones.Credential(t.Context(), got.Username))(t)
		if c.HA1 != hexMD5(got.Username+":"+phoneusertest.Domain+":"+got.Password) || !c.Enabled || c.Extension != "101" || c.AccountSlug != "harbour" || c.PhoneUserID != u.ID || c.Algorithm != "MD5" {
			t.Errorf("%s: %s %+v", c.HA1, c.Extension, c.Enabled)
		}
		_, err = r.Phones.TakeDetails(t.Context(), token, phoneuser.Phone, "", "")
		refused(t, err, "set-up-used", "This link has been used. Ask an admin of Harbour Group")
		r.RunJobs()
		notices := r.Mails.To("mary@harbour.example")
		notice := notices[len(notices)-1]
		if len(notices) != 2 || !strings.Contains(notice.Text, "If this was you") || !strings.Contains(notice.Text, "Chrome on Windows, 192.0.2.7") || strings.Contains(notice.Text, "http") {
			t.Errorf("the notice: %s", notice.Text)
		}
		for _, m := range notices {
			if all := m.Subject + m.Text + m.HTML; strings.Contains(all, got.Password) || strings.Contains(all, got.Username) || strings.Contains(all, c.HA1) {
				t.Error("a mail holds a credential")
			}
		}
	})
}

// Linphone reads the document once; it holds what signs in with SHA-256.
func TestSetUpTheApp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d, func(c *phoneuser.Config) { c.Server, c.Transport = "phones.hubline.test:5061", "tls" })
		admin := r.Open("harbour")
		u := r.Add(admin, "101", `Mary "Mo" <Chen> & Co`)
		got := must(r.Phones.TakeDetails(t.Context(), r.Link(u.Email), phoneuser.App, "", ""))(t)
		token, found := strings.CutPrefix(got.ProvisionURL, accounttest.BaseURL+phoneuser.ProvisionPath)
		if !found || got.Password != "" || got.Algorithm != "SHA-256" || !strings.HasPrefix(got.Username, "s") {
			t.Fatalf("%q %q %q", got.ProvisionURL, got.Algorithm, got.Username)
		}
		text := must(r.Phones.Provision(t.Context(), token))(t)
		var doc struct {
			XMLName  xml.Name `xml:"http://www.linphone.org/xsds/lpconfig.xsd config"`
			Sections []struct {
				Name    string `xml:"name,attr"`
				Entries []struct {
					Name      string `xml:"name,attr"`
					Overwrite string `xml:"overwrite,attr"`
					Value     string `xml:",chardata"`
				} `xml:"entry"`
			} `xml:"section"`
		}
		check(t, xml.Unmarshal(text, &doc))
		values := map[string]string{}
		for _, s := range doc.Sections {
			for _, e := range s.Entries {
				if values[s.Name+"/"+e.Name] = e.Value; e.Overwrite != "true" {
					t.Errorf("%s/%s does not replace what is there", s.Name, e.Name)
				}
			}
		}
		c := must(r.Phones.Credential(t.Context(), got.Username))(t)
		for name, want := range map[string]string{"auth_info_0/username": got.Username, "auth_info_0/ha1": c.HA1, "auth_info_0/realm": phoneusertest.Domain,
			"auth_info_0/algorithm": "SHA-256", "proxy_0/reg_proxy": "<sip:phones.hubline.test:5061;transport=tls>", "proxy_0/reg_sendregister": "1",
			"proxy_0/reg_identity": `"Mary \"Mo\" <Chen> & Co" <sip:` + got.Username + `@` + phoneusertest.Domain + `>`, "sip/default_proxy": "0", "misc/transient_provisioning": "1"} {
			if values[name] != want {
				t.Errorf("%s is %q, want %q", name, values[name], want)
			}
		}
		if _, err := r.Phones.Provision(t.Context(), token); !fault.Is(err, fault.NotFound) {
			t.Errorf("a second fetch: %v", err)
		}
	})
}

func TestAnAppThatNeverFetchesIsNoDevice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		got := must(r.Phones.TakeDetails(t.Context(), r.Link(u.Email), phoneuser.App, "", ""))(t)
		r.Clock.Advance(15 * time.Minute)
		if _, err := r.Phones.Provision(t.Context(), strings.TrimPrefix(got.ProvisionURL, accounttest.BaseURL+phoneuser.ProvisionPath)); !fault.Is(err, fault.NotFound) {
			t.Errorf("after 15 minutes: %v", err)
		}
		r.RunJobs()
		if list := must(r.Phones.Devices(t.Context(), admin.Actor(), u.ID))(t); len(list) != 0 {
			t.Errorf("%d devices", len(list))
		}
	})
}

func TestLinksThatAreOverSayWhy(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		first := r.Link(u.Email)
		check(t, second(r.Phones.SendDetails(t.Context(), admin.Actor(), u.ID)))
		again := r.Link(u.Email)
		is := func(token, code, words string) {
			t.Helper()
			_, err := r.Phones.SetUp(t.Context(), token)
			refused(t, err, code, words)
			_, err = r.Phones.TakeDetails(t.Context(), token, phoneuser.Phone, "", "")
			refused(t, err, code, words)
		}
		if first == again || first == "" {
			t.Fatal("the link is the same")
		}
		is(first, "set-up-replaced", "Open the newest mail")
		is("hp_"+strings.Repeat("A", 43), "set-up-unknown", "We do not know this link")
		is("", "set-up-unknown", "")
		is(strings.Replace(again, "hp_", "hv_", 1), "set-up-unknown", "")
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(false)}, 0)))
		is(again, "set-up-app-off", "turned off for you")
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(true)}, 0)))
		is(again, "set-up-replaced", "newer")
		third := r.Link(u.Email)
		r.Clock.Advance(48*time.Hour - time.Millisecond)
		check(t, second(r.Phones.SetUp(t.Context(), third)))
		r.Clock.Advance(time.Millisecond)
		is(third, "set-up-expired", "This link ran out on 24 November 2026, 9:00 am (Sydney)")
	})
}

// Of many who press the button at the same time, one gets a device.
func TestALinkYieldsOneDevice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		token := r.Link(u.Email)
		results := make([]error, 8)
		var all sync.WaitGroup
		for n := range results {
			all.Go(func() { _, results[n] = r.Phones.TakeDetails(context.Background(), token, phoneuser.Phone, "", "") })
		}
		all.Wait()
		got := 0
		for _, err := range results {
			if err == nil {
				got++
				continue
			}
			refused(t, err, "set-up-used")
		}
		if list := must(r.Phones.Devices(t.Context(), admin.Actor(), u.ID))(t); got != 1 || len(list) != 1 {
			t.Errorf("%d got details, there are %d devices", got, len(list))
		}
	})
}

// Rows B07, B13 and B16: where mails go, and what happens when the app is turned off and on again.
func TestMailsGoToTheAddressOfNow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		actor := r.Open("harbour").Actor()
		u := must(r.Phones.Add(t.Context(), actor, phoneuser.Settings{Extension: "101", DisplayName: "Mary", Email: "old@harbour.example"}, ""))(t)
		count := func(old, young int) {
			t.Helper()
			r.RunJobs()
			if a, b := len(r.Mails.To("old@harbour.example")), len(r.Mails.To("new@harbour.example")); a != old || b != young {
				t.Errorf("%d to the old address, %d to the new one; want %d and %d", a, b, old, young)
			}
		}
		count(0, 0)
		_, err := r.Phones.SendDetails(t.Context(), actor, u.ID)
		refused(t, err, "app-off", "Turn it on first")
		turn := func(c phoneuser.Change) {
			t.Helper()
			check(t, second(r.Phones.Change(t.Context(), actor, u.ID, c, 0)))
		}
		turn(phoneuser.Change{AppEnabled: ptr(true)})
		turn(phoneuser.Change{Email: ptr("new@harbour.example")}) // before the first mail went out
		count(0, 1)
		check(t, second(r.Phones.SendDetails(t.Context(), actor, u.ID)))
		count(0, 2)
		turn(phoneuser.Change{DisplayName: ptr("Mary Chen")})
		count(0, 2)
		check(t, second(r.Phones.TakeDetails(t.Context(), r.Link("new@harbour.example"), phoneuser.Phone, "", "")))
		count(0, 3) // the notice
		turn(phoneuser.Change{AppEnabled: ptr(false)})
		turn(phoneuser.Change{AppEnabled: ptr(true)})
		count(0, 3) // there is a device, which works again
		_, err = r.Phones.Change(t.Context(), actor, u.ID, phoneuser.Change{Email: ptr("")}, 0)
		refused(t, err, "email-needed")
		for range 20 {
			if _, err = r.Phones.SendDetails(t.Context(), actor, u.ID); err != nil {
				break
			}
		}
		refused(t, err, "details-limit", "Send the next one tomorrow")
		r.Clock.Advance(24 * time.Hour)
		check(t, second(r.Phones.SendDetails(t.Context(), actor, u.ID)))
	})
}

func TestRefusedMailIsShown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.With(t, accounttest.New(t, d, accounttest.Mailbox(func(address string) bool { return strings.HasPrefix(address, "101@") })))
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		r.RunJobs()
		if read := must(r.Phones.ByID(t.Context(), admin.Actor(), u.ID))(t); read.Delivery != phoneuser.Refused || read.DeliveryNote == "" || read.Version != u.Version {
			t.Errorf("%+v", read)
		}
		after := must(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{Email: ptr("mary@harbour.example")}, u.Version))(t)
		r.RunJobs()
		if read := must(r.Phones.ByID(t.Context(), admin.Actor(), u.ID))(t); after.Delivery != phoneuser.Queued || read.Delivery != phoneuser.Sent || read.DeliveryNote != "" {
			t.Errorf("%+v", read)
		}
	})
}

func TestFailingMailIsTriedAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Mails.Fail(errors.New("no route"))
		u := r.Add(admin, "101", "Mary")
		r.RunJobs()
		r.Mails.Fail(nil)
		r.Clock.Advance(time.Hour)
		if token := r.Link(u.Email); token == "" || len(r.Mails.To(u.Email)) != 1 {
			t.Errorf("%d mails", len(r.Mails.To(u.Email)))
		}
	})
}

// Row B16: the old credentials are dead at once, a new link is out, and both stand in the audit log.
func TestReset(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u, other := r.Add(admin, "101", "Mary"), r.Add(admin, "102", "Tom")
		spare := r.Link(u.Email)
		var topics []string
		var dead []phoneuser.Details
		for n := range 3 {
			dev := r.Device(admin, u.ID, phoneuser.Phone)
			dead, topics = append(dead, dev), append(topics, phoneuser.DeviceTopic(dev.DeviceID))
			check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, uint32(n+1))}))
		}
		safe := r.Device(admin, other.ID, phoneuser.App)
		forget(t, d)
		after := must(r.Phones.Reset(t.Context(), admin.Actor(), u.ID))(t)
		if after.Devices != 0 || after.Delivery != phoneuser.Queued {
			t.Errorf("%+v", after)
		}
		for _, dev := range dead {
			if _, err := r.Phones.Credential(t.Context(), dev.Username); !fault.Is(err, fault.NotFound) {
				t.Errorf("an old credential: %v", err)
			}
			check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, 99)}))
		}
		if list := must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t); len(list) != 0 {
			t.Errorf("%d locations are left or came back", len(list))
		}
		if posted := posted(t, d); !subset(topics, posted) || slices.Contains(posted, phoneuser.DeviceTopic(safe.DeviceID)) {
			t.Errorf("%q were told, not %q", posted, topics)
		}
		check(t, second(r.Phones.Credential(t.Context(), safe.Username)))
		_, err := r.Phones.SetUp(t.Context(), spare)
		refused(t, err, "set-up-replaced")
		young := r.Link(u.Email)
		mails := r.Mails.To(u.Email)
		if last := mails[len(mails)-1]; !strings.Contains(last.Text, "old ones stopped working") {
			t.Errorf("%s", last.Text)
		}
		fresh := must(r.Phones.TakeDetails(t.Context(), young, phoneuser.Phone, "", ""))(t)
		check(t, second(r.Phones.Credential(t.Context(), fresh.Username)))
		log, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Area: "device", SubjectID: u.ID})
		check(t, err)
		var told []string
		for _, e := range log {
			told = append(told, e.Sentence())
		}
		for _, want := range []string{"Admin reset the phones of Mary, extension 101", "Admin sent set-up details to Mary, extension 101", "SIP phone of Mary, extension 101 was set up"} {
			if !slices.Contains(told, want) {
				t.Errorf("the log lacks %q: %q", want, told)
			}
		}
	})
}

func TestEndOneDevice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u, other := r.Add(admin, "101", "Mary"), r.Add(admin, "102", "Tom")
		one, two := r.Device(admin, u.ID, phoneuser.Phone), r.Device(admin, u.ID, phoneuser.App)
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, one.DeviceID, 1), r.Location(u, two.DeviceID, 1)}))
		check(t, second(r.Phones.Credential(t.Context(), one.Username)))
		for _, wrong := range []string{other.ID, "nobody"} {
			if err := r.Phones.EndDevice(t.Context(), admin.Actor(), wrong, one.DeviceID); !fault.Is(err, fault.NotFound) {
				t.Errorf("under another phone user: %v", err)
			}
		}
		check(t, r.Phones.EndDevice(t.Context(), admin.Actor(), u.ID, two.DeviceID))
		if _, err := r.Phones.Provision(t.Context(), strings.TrimPrefix(two.ProvisionURL, accounttest.BaseURL+phoneuser.ProvisionPath)); !fault.Is(err, fault.NotFound) {
			t.Errorf("the document of an ended device: %v", err)
		}
		if _, err := r.Phones.Credential(t.Context(), two.Username); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		check(t, second(r.Phones.Credential(t.Context(), one.Username)))
		list := must(r.Phones.Devices(t.Context(), admin.Actor(), u.ID))(t)
		if len(list) != 1 || list[0].ID != one.DeviceID || !list[0].Online || list[0].Address != "192.0.2.9" || list[0].UserAgent != "baresip v1.0.0" || list[0].SeenAt != r.Clock.Now().UnixMilli() {
			t.Errorf("%+v", list)
		}
		if err := r.Phones.EndDevice(t.Context(), admin.Actor(), u.ID, two.DeviceID); !fault.Is(err, fault.NotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}

func TestAtMostFiveDevices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		var last phoneuser.Details
		for range phoneuser.DevicesMost {
			last = r.Device(admin, u.ID, phoneuser.Phone)
		}
		token := r.Link(u.Email)
		_, err := r.Phones.TakeDetails(t.Context(), token, phoneuser.Phone, "", "")
		refused(t, err, "device-limit", "You have 5 devices", "Ask an admin to end one, then open this link again")
		check(t, r.Phones.EndDevice(t.Context(), admin.Actor(), u.ID, last.DeviceID))
		check(t, second(r.Phones.TakeDetails(t.Context(), token, phoneuser.Phone, "", "")))
	})
}

// Row B13: off, nothing signs in and what is open ends; on again, the same devices work.
func TestAppOffAndOn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		dev := r.Device(admin, u.ID, phoneuser.Phone)
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, 1)}))
		before := must(r.Phones.Credential(t.Context(), dev.Username))(t)
		forget(t, d)
		off := must(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(false)}, 0))(t)
		if c := must(r.Phones.Credential(t.Context(), dev.Username))(t); c.Enabled || c.HA1 != before.HA1 || off.State() != phoneuser.AppOff {
			t.Errorf("off: %t", c.Enabled)
		}
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, 2)}))
		if list := must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t); len(list) != 0 || !slices.Contains(posted(t, d), phoneuser.DeviceTopic(dev.DeviceID)) {
			t.Errorf("%d locations; told %q", len(list), posted(t, d))
		}
		if _, err := r.Phones.Seat(t.Context(), u.AccountID, u.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("a seat that is off: %v", err)
		}
		on := must(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(true)}, 0))(t)
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, 3)}))
		list := must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t)
		if c := must(r.Phones.Credential(t.Context(), dev.Username))(t); !c.Enabled || len(list) != 1 || on.State() != phoneuser.Away {
			t.Errorf("on again: %t, %d locations, %s", c.Enabled, len(list), on.State())
		}
	})
}

func forget(t *testing.T, d *db.DB) {
	t.Helper()
	_, err := d.ExecContext(t.Context(), `DELETE FROM changes`)
	check(t, err)
}

func posted(t *testing.T, d *db.DB) (topics []string) {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), `SELECT topic FROM changes`)
	check(t, err)
	defer rows.Close()
	for rows.Next() {
		var topic string
		check(t, rows.Scan(&topic))
		topics = append(topics, topic)
	}
	return topics
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// Nothing in the store and nothing printed shows a password, a digest or a link's token.
func TestNoSecretIsKeptOrPrinted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		secrets := map[string]string{"link": r.Link(u.Email)}
		for _, kind := range []string{phoneuser.Phone, phoneuser.PhoneSHA256, phoneuser.App} {
			dev := r.Device(admin, u.ID, kind)
			c := must(r.Phones.Credential(t.Context(), dev.Username))(t)
			secrets[kind+" password"], secrets[kind+" digest"], secrets[kind+" document"] = dev.Password, c.HA1, strings.TrimPrefix(dev.ProvisionURL, accounttest.BaseURL+phoneuser.ProvisionPath)
			for _, printed := range []string{fmt.Sprint(dev, c), fmt.Sprintf("%+v %#v %+v %#v", dev, dev, c, c)} {
				if dev.Password != "" && strings.Contains(printed, dev.Password) || strings.Contains(printed, c.HA1) {
					t.Errorf("printed: %s", printed)
				}
			}
			if kind != phoneuser.App && c.HA1 != map[string]func(string) string{"MD5": hexMD5, "SHA-256": hexSHA256}[c.Algorithm](dev.Username+":"+phoneusertest.Domain+":"+dev.Password) {
				t.Errorf("the digest of %s is wrong", kind)
			}
		}
		check(t, second(r.Phones.SendDetails(t.Context(), admin.Actor(), u.ID))) // a mail that waits
		dump := ""
		for _, table := range []string{"phone_users", "devices", "set_up_links", "locations", "jobs", "changes", "audit_entries", "phone_user_imports"} {
			rows, err := d.QueryContext(t.Context(), `SELECT * FROM `+table)
			check(t, err)
			columns, _ := rows.Columns()
			for rows.Next() {
				values, into := make([]any, len(columns)), make([]any, len(columns))
				for i := range values {
					into[i] = &values[i]
				}
				check(t, rows.Scan(into...))
				dump += fmt.Sprint(values) + "\n"
			}
			check(t, rows.Close())
		}
		if !strings.Contains(dump, u.ID) {
			t.Fatal("the dump is empty")
		}
		for name := range maps.Keys(secrets) {
			if secret := secrets[name]; secret != "" && strings.Contains(dump, secret) {
				t.Errorf("the store holds the %s in plain text", name)
			}
		}
		if strings.Contains(dump, "lpconfig") {
			t.Error("the store holds a provisioning document in plain text")
		}
	})
}

func TestAlgorithmOfAnyName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "MD5", "m": "MD5", "101": "MD5", "mary": "MD5", "s": "SHA-256", "sabcdefghijklmnopqrst": "SHA-256", "mabcdefghijklmnopqrst": "MD5", "Sabc": "MD5", "é": "MD5"} {
		if got := phoneuser.AlgorithmOf(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
