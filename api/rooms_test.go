package api

import (
	"testing"

	"hubline/base/idempotent"
	"hubline/base/tel"
	"hubline/product/account/accounttest"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/support"
)

// TestRooms are the rooms behind the API in tests, on a rig's store and clock. Each rig furnishes once, as jobs are registered once.
type TestRooms struct {
	Phones  *phoneuser.Room
	Numbers *number.Room
	Support *support.Room
}

// Furnish makes the rooms as the program does.
func Furnish(t testing.TB, rig *accounttest.Rig) *TestRooms {
	t.Helper()
	c := rig.Room.Config
	r := &TestRooms{
		Phones: phoneuser.New(phoneuser.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Now: rig.Clock.Now, BaseURL: c.BaseURL, Domain: "sip.hubline.test"}),
		Support: support.New(support.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Mail: c.Mail, Now: rig.Clock.Now,
			BaseURL: c.BaseURL, Provider: c.Provider}),
	}
	r.Numbers = number.New(number.Config{DB: rig.DB, Keys: rig.Keys, Account: rig.Room, Phones: r.Phones, Plan: tel.For("AU"), Now: rig.Clock.Now})
	r.Phones.Owns, r.Phones.LeadsTo, r.Phones.OnDelete = r.Numbers.Owns, r.Numbers.LeadsTo, r.Numbers.Forget
	return r
}

// Config is the API's over the rooms, too generous for its limits to matter.
func (r *TestRooms) Config(rig *accounttest.Rig) Config {
	return Config{Account: rig.Room, Phones: r.Phones, Numbers: r.Numbers, Support: r.Support,
		Idempotency: &idempotent.Store{DB: rig.DB, Now: rig.Clock.Now}, BaseURL: accounttest.BaseURL, Now: rig.Clock.Now,
		RateLimit: RateLimit{PerSecond: 1e6, Burst: 1e6, WrongPerMinute: 1e6, WrongBurst: 1e6}}
}
