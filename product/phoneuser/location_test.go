package phoneuser_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// RFC 3261 section 10.3: within one Call-ID a lower or equal CSeq changes nothing; another Call-ID always does.
func TestTheNewestRegistrationWins(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		dev := r.Device(admin, u.ID, phoneuser.Phone)
		at := func(call string, cseq uint32, contact string) phoneuser.Location {
			l := r.Location(u, dev.DeviceID, cseq)
			l.CallID, l.Contact = call, contact
			return l
		}
		for _, step := range []struct {
			save []phoneuser.Location
			want string
		}{
			{[]phoneuser.Location{at("a", 5, "first")}, "first"},
			{[]phoneuser.Location{at("a", 4, "older")}, "first"},
			{[]phoneuser.Location{at("a", 5, "repeated")}, "first"},
			{[]phoneuser.Location{at("a", 4_000_000_000, "newer")}, "newer"},
			{[]phoneuser.Location{at("b", 1, "restarted")}, "restarted"},
			{[]phoneuser.Location{at("b", 3, "of one batch"), at("b", 2, "late in it")}, "of one batch"},
			{[]phoneuser.Location{at("b", 4, "before"), at("c", 1, "another call")}, "another call"},
		} {
			check(t, r.Phones.SaveLocations(t.Context(), step.save))
			list := must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t)
			if len(list) != 1 || list[0].Contact != step.want {
				t.Errorf("after %s: %+v", step.save[0].Contact, list)
			}
		}
		saved := r.Location(u, dev.DeviceID, 7)
		saved.CallID, saved.Path, saved.ContactKey = "d", "sip:edge", "second"
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{saved}))
		list := must(r.Phones.LocationsOfNode(t.Context(), "one"))(t)
		if len(list) != 2 || list[0] != saved {
			t.Errorf("%+v", list)
		}
		check(t, r.Phones.RemoveLocations(t.Context(), []phoneuser.Location{saved}))
		if list = must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t); len(list) != 1 {
			t.Errorf("%+v", list)
		}
		check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{saved}))
		saved.ContactKey = ""
		check(t, r.Phones.RemoveLocations(t.Context(), []phoneuser.Location{saved}))
		if list = must(r.Phones.LocationsOf(t.Context(), u.AccountID, u.ID))(t); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestManyLocationsAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin, north := r.Open("harbour"), r.Open("northside")
		var all []phoneuser.Location
		for n, a := range []*accounttest.User{admin, north} {
			u := r.Add(a, "101", "Mary")
			for range 2 {
				dev := r.Device(a, u.ID, phoneuser.Phone)
				for c := range 60 {
					l := r.Location(u, dev.DeviceID, 1)
					l.ContactKey = strconv.Itoa(c)
					if n == 1 {
						l.Node = "two"
					}
					all = append(all, l)
				}
			}
		}
		stolen := all[119] // one account's device under another's name, beside an honest location of the other
		stolen.AccountID = north.Account.ID
		stolen.ContactKey = "stolen"
		check(t, r.Phones.SaveLocations(t.Context(), slices.Insert(all, 120, stolen)))
		check(t, r.Phones.SaveLocations(t.Context(), nil))
		for node, want := range map[string]int{"one": 120, "two": 120, "three": 0} {
			if list := must(r.Phones.LocationsOfNode(t.Context(), node))(t); len(list) != want {
				t.Errorf("node %s has %d locations, want %d", node, len(list), want)
			}
		}
		r.Clock.Advance(time.Hour)
		if list := must(r.Phones.LocationsOfNode(t.Context(), "one"))(t); len(list) != 0 {
			t.Errorf("%d ran out and are told", len(list))
		}
		count := func() (n int) {
			check(t, d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM locations`).Scan(&n))
			return n
		}
		check(t, r.Phones.TidyLocations(t.Context()))
		if n := count(); n != 240 {
			t.Errorf("%d are kept for a minute", n)
		}
		r.Clock.Advance(time.Minute + time.Millisecond)
		check(t, r.Phones.TidyLocations(t.Context()))
		if n := count(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// A device's row is written when something about it changed, or once a minute.
func TestWhenDevicesWereSeen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		dev := r.Device(admin, u.ID, phoneuser.Phone)
		start := r.Clock.Now()
		for n, step := range []struct {
			wait    time.Duration
			address string
			want    time.Duration // SeenAt, since the start
		}{
			{0, "192.0.2.9", 0}, {30 * time.Second, "192.0.2.9", 0}, {29 * time.Second, "192.0.2.9", 0}, {time.Second, "192.0.2.9", time.Minute},
			{time.Second, "192.0.2.10", 61 * time.Second}, {time.Second, "192.0.2.10", 61 * time.Second},
		} {
			r.Clock.Advance(step.wait)
			l := r.Location(u, dev.DeviceID, uint32(n+1))
			l.Address = step.address
			check(t, r.Phones.SaveLocations(t.Context(), []phoneuser.Location{l}))
			got := must(r.Phones.Devices(t.Context(), admin.Actor(), u.ID))(t)[0]
			if got.SeenAt != start.Add(step.want).UnixMilli() || got.Address != step.address || !got.Online {
				t.Errorf("step %d: seen %v after the start at %s", n, time.UnixMilli(got.SeenAt).Sub(start), got.Address)
			}
		}
	})
}

func BenchmarkSaveLocations(b *testing.B) {
	d := dbtest.SQLite(b)
	r := phoneusertest.New(b, d)
	admin := r.Open("harbour")
	r.Seats(admin, 100)
	var list []phoneuser.Location
	for n := range 100 {
		u, err := r.Phones.Add(b.Context(), admin.Actor(), phoneuser.Settings{Extension: strconv.Itoa(200 + n), DisplayName: "Phone", Email: "x@harbour.example", AppEnabled: true}, "")
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, r.Location(u, r.Device(admin, u.ID, phoneuser.Phone).DeviceID, 0))
	}
	b.Run(fmt.Sprint(len(list)), func(b *testing.B) {
		for cseq := uint32(1); b.Loop(); cseq++ {
			for n := range list {
				list[n].CSeq = cseq
			}
			if err := r.Phones.SaveLocations(b.Context(), list); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Pages that show who can be reached follow a phone that comes or goes, and stay as they are while it only refreshes.
func TestPagesHearOfPhonesThatComeAndGo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary Chen")
		device := r.Device(admin, u.ID, phoneuser.Phone)
		notices := func() (n int) {
			t.Helper()
			err := r.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM changes WHERE topic = $1`, account.PhoneTopic(u.AccountID)).Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		comes, refresh := r.Location(u, device.DeviceID, 1), r.Location(u, device.DeviceID, 2)
		comes.Comes = true
		before := notices()
		for _, step := range []struct {
			name string
			do   func() error
			told int
		}{
			{"comes", func() error { return r.Phones.SaveLocations(t.Context(), []phoneuser.Location{comes}) }, 1},
			{"refreshes", func() error { return r.Phones.SaveLocations(t.Context(), []phoneuser.Location{refresh}) }, 0},
			{"goes", func() error { return r.Phones.RemoveLocations(t.Context(), []phoneuser.Location{refresh}) }, 1},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if told := notices() - before; told != step.told {
				t.Errorf("a phone that %s: pages are told %d times, want %d", step.name, told, step.told)
			}
			before = notices()
		}
	})
}
