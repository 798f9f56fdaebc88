package phoneuser_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// The seven fields of the form, the hidden caller ID and the extension, as somebody types them and as they come back.
func TestSettingsReadBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156")
		made := must(r.Phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: " 101 ", DisplayName: "  Mary   Chen ", Email: " Mary@Harbour.example ",
			LocalPrefix: "2", CallerID: "(02) 5550 0142", HideCallerID: true, SMSNumber: "0491 570 156", AppEnabled: true}, ""))(t)
		want := phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen", Email: "mary@harbour.example", LocalPrefix: "02",
			CallerID: "+61255500142", HideCallerID: true, SMSNumber: "+61491570156", AppEnabled: true}
		read := must(r.Phones.ByID(t.Context(), admin.Actor(), made.ID))(t)
		if made.Settings != want || read.Settings != want {
			t.Errorf("made %+v\nread %+v\nwant %+v", made.Settings, read.Settings, want)
		}
		if read.Delivery != phoneuser.Queued || read.DetailsSentAt == 0 || read.State() != phoneuser.NotSetUp || read.Version != 1 {
			t.Errorf("%+v", read)
		}
		for name, c := range map[string]phoneuser.Change{
			"name":   {DisplayName: ptr("Mary Ng")},
			"email":  {Email: ptr("ng@harbour.example")},
			"prefix": {LocalPrefix: ptr("03")},
			"caller": {CallerID: ptr("+61 491 570 156")},
			"hide":   {HideCallerID: ptr(false)},
			"sms":    {SMSNumber: ptr("")},
			"app":    {AppEnabled: ptr(false)},
		} {
			before := must(r.Phones.ByID(t.Context(), admin.Actor(), made.ID))(t)
			after := must(r.Phones.Change(t.Context(), admin.Actor(), made.ID, c, before.Version))(t)
			read := must(r.Phones.ByID(t.Context(), admin.Actor(), made.ID))(t)
			if after.Settings == before.Settings || after.Settings != read.Settings || after.Version != before.Version+1 {
				t.Errorf("%s: %+v to %+v, read %+v", name, before, after, read)
			}
		}
		want = phoneuser.Settings{Extension: "101", DisplayName: "Mary Ng", Email: "ng@harbour.example", LocalPrefix: "03", CallerID: "+61491570156"}
		if read := must(r.Phones.ByID(t.Context(), admin.Actor(), made.ID))(t); read.Settings != want {
			t.Errorf("%+v", read.Settings)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin, north := r.Open("harbour"), r.Open("northside")
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156", "+611300555019", "+611800555019", "+61131114")
		r.Numbers.Own(north.Account, "+61255509999")
		r.Add(admin, "101", "Mary Chen")
		good := phoneuser.Settings{Extension: "102", DisplayName: "Tom"}
		for _, c := range []struct {
			change func(*phoneuser.Settings)
			code   string
			words  string
		}{
			{func(s *phoneuser.Settings) { s.Extension = "" }, "extension-empty", "Enter an extension"},
			{func(s *phoneuser.Settings) { s.Extension = "1" }, "extension-form", "2 to 6 digits"},
			{func(s *phoneuser.Settings) { s.Extension = "1234567" }, "extension-form", "2 to 6 digits"},
			{func(s *phoneuser.Settings) { s.Extension = "012" }, "extension-form", "can't start with 0"},
			{func(s *phoneuser.Settings) { s.Extension = "*43" }, "extension-form", "digits"},
			{func(s *phoneuser.Settings) { s.Extension = "10a" }, "extension-form", "digits"},
			{func(s *phoneuser.Settings) { s.Extension = "１０２" }, "extension-form", "digits"},
			{func(s *phoneuser.Settings) { s.Extension = "000" }, "extension-emergency", "emergency"},
			{func(s *phoneuser.Settings) { s.Extension = "112" }, "extension-emergency", "emergency"},
			{func(s *phoneuser.Settings) { s.Extension = "106" }, "extension-emergency", "emergency"},
			{func(s *phoneuser.Settings) { s.Extension = "131114" }, "extension-outside", "outside"},
			{func(s *phoneuser.Settings) { s.Extension = "1223" }, "extension-outside", "outside"},
			{func(s *phoneuser.Settings) { s.Extension = "101" }, "extension-taken", "Extension 101 belongs to Mary Chen. 102 is free"},
			{func(s *phoneuser.Settings) { s.DisplayName = " " }, "display-name-empty", "Enter a display name"},
			{func(s *phoneuser.Settings) { s.DisplayName = "12345678901234567890123456789012345678901" }, "name-long", "40 characters"},
			{func(s *phoneuser.Settings) { s.DisplayName = "Win at www.bad.example" }, "name-link", "web"},
			{func(s *phoneuser.Settings) { s.Email = "jo@harbour" }, "email-form", "not a full email address"},
			{func(s *phoneuser.Settings) { s.AppEnabled = true }, "email-needed", "Enter an email address so we can send"},
			{func(s *phoneuser.Settings) { s.LocalPrefix = "09" }, "local-prefix", "02, 03, 07 and 08"},
			{func(s *phoneuser.Settings) { s.CallerID = "1300 555 019" }, "caller-id-kind", "1300"},
			{func(s *phoneuser.Settings) { s.CallerID = "1800555019" }, "caller-id-kind", "1800"},
			{func(s *phoneuser.Settings) { s.CallerID = "13 11 14" }, "caller-id-kind", "13"},
			{func(s *phoneuser.Settings) { s.CallerID = "02 5550 9999" }, "caller-id-not-owned", "Choose a number on your account"},
			{func(s *phoneuser.Settings) { s.CallerID = "nonsense" }, "caller-id-not-owned", "Choose a number"},
			{func(s *phoneuser.Settings) { s.SMSNumber = "02 5550 0142" }, "sms-number-kind", "Landlines cannot send SMS"},
			{func(s *phoneuser.Settings) { s.SMSNumber = "1300 555 019" }, "sms-number-kind", "mobile"},
			{func(s *phoneuser.Settings) { s.SMSNumber = "0491 570 157" }, "sms-number-not-owned", "mobile number on your account"},
		} {
			s := good
			c.change(&s)
			_, err := r.Phones.Add(t.Context(), admin.Actor(), s, "")
			refused(t, err, c.code, c.words)
		}
		if used, _, _ := r.Phones.Count(t.Context(), admin.Actor()); used != 1 {
			t.Errorf("%d phone users after refusals", used)
		}
		_, err := r.Phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "1", CallerID: "x", SMSNumber: "y", Email: "z", LocalPrefix: "9"}, "")
		if f, ok := fault.Of(err); !ok || len(f.Also) != 5 {
			t.Errorf("not every field is named: %+v", f)
		}
	})
}

func TestExtensionStaysAndIsOnesOwnAccounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin, north := r.Open("harbour"), r.Open("northside")
		mary, other := r.Add(admin, "101", "Mary Chen"), r.Add(north, "101", "Mary North")
		_, err := r.Phones.Change(t.Context(), admin.Actor(), mary.ID, phoneuser.Change{Extension: ptr("102")}, 0)
		refused(t, err, "extension-fixed", "Extension 101 is fixed once set")
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), mary.ID, phoneuser.Change{Extension: ptr("101"), DisplayName: ptr("Mary")}, 0)))
		for a, want := range map[string]string{admin.Account.ID: mary.ID, north.Account.ID: other.ID} {
			if u := must(r.Phones.ByExtension(t.Context(), a, "101"))(t); u.ID != want {
				t.Errorf("101 of %s is %s", a, u.ID)
			}
		}
		if _, err := r.Phones.Seat(t.Context(), north.Account.ID, mary.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("the seat of another account: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestNextExtension(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Seats(admin, 100)
		next := func(want string) {
			t.Helper()
			if got := must(r.Phones.NextExtension(t.Context(), admin.Actor()))(t); got != want {
				t.Errorf("next is %s, want %s", got, want)
			}
		}
		next("101")
		for n := 101; n <= 105; n++ {
			r.Add(admin, strconv.Itoa(n), "Phone "+strconv.Itoa(n))
		}
		next("107") // 106 is for emergencies
		r.Add(admin, "107", "Seven")
		r.Add(admin, "109", "Nine")
		next("108")
		for _, n := range []string{"108", "110", "111"} {
			r.Add(admin, n, "Phone "+n)
		}
		next("113")
		_, err := r.Phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "103", DisplayName: "Late"}, "")
		refused(t, err, "extension-taken", "Extension 103 belongs to Phone 103. 113 is free")
		three := must(r.Phones.ByExtension(t.Context(), admin.Account.ID, "103"))(t)
		check(t, second(r.Phones.Delete(t.Context(), admin.Actor(), three.ID, 0)))
		next("103")
	})
}

// Row B01: with three seats the fourth is refused with the number and the way out, and let in as soon as the plan is raised.
func TestSeatLimit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Seats(admin, 3)
		const rivals = 20
		actor := admin.Actor()
		results := make([]error, rivals)
		var all sync.WaitGroup
		for n := range rivals {
			all.Go(func() {
				_, results[n] = r.Phones.Add(context.Background(), actor, phoneuser.Settings{Extension: strconv.Itoa(201 + n), DisplayName: "Rival"}, "")
			})
		}
		all.Wait()
		in := 0
		for _, err := range results {
			if err == nil {
				in++
			} else if f, ok := fault.Of(err); !ok || f.Code != "phone-user-limit" {
				t.Errorf("refused with %v", err)
			}
		}
		used, limit, err := r.Phones.Count(t.Context(), actor)
		if in != 3 || used != 3 || limit != 3 || err != nil {
			t.Errorf("%d got in, %d of %d used, %v", in, used, limit, err)
		}
		_, err = r.Phones.Add(t.Context(), actor, phoneuser.Settings{Extension: "301", DisplayName: "Fourth"}, "")
		refused(t, err, "phone-user-limit", "You are using 3 of 3 phone users", "Ask for more or delete one")
		r.Seats(admin, 4)
		check(t, second(r.Phones.Add(t.Context(), actor, phoneuser.Settings{Extension: "301", DisplayName: "Fourth"}, "")))
		r.Seats(admin, 2)
		list, _, _ := r.Phones.List(t.Context(), actor, phoneuser.Filter{})
		if len(list) != 4 {
			t.Errorf("a lower limit took phone users away: %d", len(list))
		}
	})
}

// Two who add the same extension at the same time: one wins, the other is told who has it.
func TestRaceForAnExtension(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		actor := r.Open("harbour").Actor()
		results := make([]error, 6)
		var all sync.WaitGroup
		for n := range results {
			all.Go(func() {
				_, results[n] = r.Phones.Add(context.Background(), actor, phoneuser.Settings{Extension: "150", DisplayName: "Rival"}, "")
			})
		}
		all.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
				continue
			}
			refused(t, err, "extension-taken", "belongs to Rival")
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	})
}

func TestSameFormTwice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		actor := admin.Actor()
		ids := make([]string, 5)
		var all sync.WaitGroup
		for n := range ids {
			all.Go(func() {
				u, err := r.Phones.Add(context.Background(), actor, phoneuser.Settings{Extension: "101", DisplayName: "Mary", Email: "mary@harbour.example", AppEnabled: true}, "form-1")
				if err != nil {
					t.Error(err)
				}
				ids[n] = u.ID
			})
		}
		all.Wait()
		if slices.Sort(ids); ids[0] == "" || ids[0] != ids[4] {
			t.Errorf("one form made %q", ids)
		}
		r.RunJobs()
		if n := len(r.Mails.To("mary@harbour.example")); n != 1 {
			t.Errorf("%d mails", n)
		}
		colleague := r.Join(admin, "col@harbour.example", account.Admin)
		_, err := r.Phones.Add(t.Context(), colleague.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary"}, "form-1")
		refused(t, err, "extension-taken")
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		changed := must(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{DisplayName: ptr("Mary Chen")}, u.Version))(t)
		_, err := r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{DisplayName: ptr("Other")}, u.Version)
		refused(t, err, "changed-meanwhile")
		_, err = r.Phones.Delete(t.Context(), admin.Actor(), u.ID, u.Version)
		refused(t, err, "changed-meanwhile")
		if same := must(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{DisplayName: ptr("Mary Chen")}, 0))(t); same.Version != changed.Version {
			t.Errorf("saving what is there makes version %d of %d", same.Version, changed.Version)
		}
		log, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{SubjectID: u.ID})
		check(t, err)
		var told []string
		for _, e := range log {
			told = append(told, fmt.Sprintf("%s [%s > %s]", e.Sentence(), e.Before, e.After))
		}
		want := []string{"Admin changed the phone user Mary Chen, extension 101 [display name Mary > display name Mary Chen]",
			"Admin sent set-up details to Mary, extension 101 [ > 101@harbour.example]", "Admin added the phone user Mary, extension 101 [ > ]"}
		if !slices.Equal(told, want) {
			t.Errorf("the log tells %q", told)
		}
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var unrouted []string
		r := phoneusertest.New(t, d, func(c *phoneuser.Config) {
			c.OnDelete = func(_ context.Context, _ db.Q, _ account.Actor, id string) error {
				unrouted = append(unrouted, id)
				return nil
			}
		})
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142")
		u := r.Add(admin, "101", "Mary Chen")
		r.Numbers.Lead("+61255500142", u.ID)
		link := r.Link(u.Email)
		dev := r.Device(admin, u.ID, phoneuser.Phone)
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(u, dev.DeviceID, 1)}))
		use := must(r.Phones.Uses(t.Context(), admin.Actor(), u.ID))(t)
		if !slices.Equal(use.Numbers, []string{"+61255500142"}) || use.Online != 1 || use.User.Devices != 1 || len(unrouted) != 0 {
			t.Errorf("%+v", use)
		}
		check(t, second(r.Phones.Delete(t.Context(), admin.Actor(), u.ID, u.Version)))
		if !slices.Contains(unrouted, u.ID) {
			t.Error("numbers still lead to a phone user who is gone")
		}
		if _, err := r.Phones.Credential(t.Context(), dev.Username); !fault.Is(err, fault.NotFound) {
			t.Errorf("the credential: %v", err)
		}
		if list := must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t); len(list) != 0 {
			t.Errorf("%d locations are left", len(list))
		}
		_, err := r.Phones.SetUp(t.Context(), link)
		refused(t, err, "set-up-deleted", "Extension 101 is no longer yours")
		if _, err := r.Phones.ByID(t.Context(), admin.Actor(), u.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("it is still there: %v", err)
		}
		var name string
		check(t, d.QueryRowContext(t.Context(), `SELECT display_name FROM phone_users WHERE id = $1`, u.ID).Scan(&name))
		if again := r.Add(admin, "101", "Next"); name != "Mary Chen" || again.ID == u.ID {
			t.Errorf("history says %q", name)
		}
	})
}

func TestWithdrawnNumberLeavesPhoneUsers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156")
		u := must(r.Phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary", CallerID: "0491570156", SMSNumber: "0491570156"}, ""))(t)
		check(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			return r.Phones.DropNumber(ctx, q, admin.Account.ID, "+61491570156")
		}))
		read := must(r.Phones.ByID(t.Context(), admin.Actor(), u.ID))(t)
		if read.CallerID != "" || read.SMSNumber != "" || read.Version != 2 {
			t.Errorf("%+v", read)
		}
		if list, _, _ := r.Phones.List(t.Context(), admin.Actor(), phoneuser.Filter{Search: "0491570156"}); len(list) != 0 {
			t.Error("the number is still found")
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin, north := r.Open("harbour"), r.Open("northside")
		r.Seats(admin, 100)
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156")
		r.Add(north, "101", "Mary North")
		for n, name := range []string{"Zoë Ábel", "Mary Chen", "Tom_Okafor", "priya 100%", "Ana Lim"} {
			r.Add(admin, strconv.Itoa(105-n)+strconv.Itoa(n%2), name)
		}
		mary := search(t, r, admin, "mary")[0]
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), mary.ID, phoneuser.Change{CallerID: ptr("02 5550 0142"), SMSNumber: ptr("0491570156")}, 0)))
		for query, want := range map[string]int{"mary": 1, "MARY ch": 1, "zoe abel": 1, "1041": 1, "harbour.example": 5, "0255500142": 1, "+61 2 5550 0142": 1, "5550 0142": 1, "(02) 5550-0142": 1,
			"61255500142": 1, "0491 570 156": 1, "491570": 1, "_": 1, "100%": 1, "%": 1, "north": 0, "999999": 0, "": 5} {
			if got := search(t, r, admin, query); len(got) != want {
				t.Errorf("%q finds %d, want %d", query, len(got), want)
			}
		}
		for _, f := range []phoneuser.Filter{{}, {Descending: true}, {Sort: phoneuser.ByName}, {Sort: phoneuser.ByName, Descending: true}} {
			f.Limit = 2
			var names []string
			for pages := 0; ; pages++ {
				list, next, err := r.Phones.List(t.Context(), admin.Actor(), f)
				check(t, err)
				for _, u := range list {
					names = append(names, u.DisplayName)
				}
				if f.After = next; next == "" {
					break
				}
			}
			want := []string{"Ana Lim", "priya 100%", "Tom_Okafor", "Mary Chen", "Zoë Ábel"}
			if f.Sort == phoneuser.ByName {
				want = []string{"Ana Lim", "Mary Chen", "priya 100%", "Tom_Okafor", "Zoë Ábel"}
			}
			if f.Descending {
				slices.Reverse(want)
			}
			if !slices.Equal(names, want) {
				t.Errorf("%+v: %q, want %q", f, names, want)
			}
		}
		_, _, err := r.Phones.List(t.Context(), admin.Actor(), phoneuser.Filter{Sort: "email"})
		refused(t, err, "sort-unknown")
		_, next, _ := r.Phones.List(t.Context(), admin.Actor(), phoneuser.Filter{Limit: 1})
		_, _, err = r.Phones.List(t.Context(), north.Actor(), phoneuser.Filter{After: next})
		refused(t, err, "cursor-unknown")
	})
}

func search(t *testing.T, r *phoneusertest.Rig, admin *accounttest.User, text string) (list []phoneuser.User) {
	t.Helper()
	check(t, r.Phones.Each(t.Context(), admin.Actor(), phoneuser.Filter{Search: text}, func(u phoneuser.User) error { list = append(list, u); return nil }))
	return list
}

// Who may not see phone users gets a reason; nobody else's are ever found.
func TestRights(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		standard := r.Join(admin, "sta@harbour.example")
		_, _, err := r.Phones.List(t.Context(), standard.Actor(), phoneuser.Filter{})
		refused(t, err, "role-missing", "Account admin")
		_, err = r.Phones.Add(t.Context(), standard.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "X"}, "")
		refused(t, err, "role-missing")
		list, next, err := r.Phones.List(t.Context(), admin.Actor(), phoneuser.Filter{})
		if len(list) != 0 || next != "" || err != nil {
			t.Errorf("an empty account lists %v, %q, %v", list, next, err)
		}
	})
}

func TestInstallationValuesAreFixed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, value := range []string{"sip.one.example", "sip.two.example"} {
			if got := must(phoneuser.Installation(t.Context(), d, "sip-domain", value))(t); got != "sip.one.example" {
				t.Errorf("the domain became %q", got)
			}
		}
	})
}
