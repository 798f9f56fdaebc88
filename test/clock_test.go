package test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// timed is a token with the time in which it may work by the clock.
type timed struct {
	kind       string
	made, ends time.Time
	idle       time.Duration // 0: use does not matter
	used       time.Time
	opens      func() bool
}

// The server's clock jumps by hours, days and years, forth and back. By that clock no token works before it was made or after its end,
// and no session lives longer than it may.
func TestS28ClockJumps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		jumps := map[string]int{db.SQLite: 1000, db.Postgres: 200}[d.Engine()]
		r := accounttest.New(t, d)
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 2))
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		_, key := r.Key(admin)
		var tokens []*timed
		asked, worked := 0, 0
		for i := range jumps {
			if i%50 == 0 {
				tokens = append(tokens[max(0, len(tokens)-9):], makeTimed(t, r, jo, key, i)...)
			}
			jump(random, r.Clock, tokens)
			for _, k := range tokens {
				now := r.Clock.Now()
				last := k.made
				if k.idle > 0 && k.used.After(last) {
					last = k.used
				}
				may := now.Before(k.ends) && !now.Before(last.Add(-time.Minute)) && (k.idle == 0 || now.Sub(last) < k.idle)
				asked++
				opened := k.opens()
				if opened && !may {
					t.Fatalf("seed %d, jump %d: at %v a %s opens that was made %v, last used %v, and ends %v", seed, i, now, k.kind, k.made, k.used, k.ends)
				}
				if opened {
					worked++
					if now.Sub(last) > time.Minute {
						k.used = now
					}
				} else if may && k.kind != "session" {
					t.Fatalf("seed %d, jump %d: at %v a %s does not open that was made %v and ends %v", seed, i, now, k.kind, k.made, k.ends)
				}
			}
		}
		t.Logf("%s: %d jumps, %d tokens asked, %d within their time and accepted, 0 outside of it", d.Engine(), jumps, asked, worked)
		if worked == 0 {
			t.Error("nothing ever opened")
		}
	})
}

// jump moves the clock, most often to where it matters.
func jump(random *rand.Rand, clock *accounttest.Clock, tokens []*timed) {
	k := tokens[random.IntN(len(tokens))]
	by := []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour}[random.IntN(6)]
	switch random.IntN(6) {
	case 0:
		clock.Set(k.ends.Add(-time.Millisecond))
	case 1:
		clock.Set(k.ends)
	case 2:
		clock.Set(k.made.Add(time.Duration(random.Int64N(int64(time.Hour)))))
	case 3:
		clock.Set(k.made)
	default:
		clock.Advance(by)
	}
}

// makeTimed makes a token of each kind at the present time.
func makeTimed(t *testing.T, r *accounttest.Rig, jo *accounttest.User, key account.Actor, n int) []*timed {
	t.Helper()
	c, now := t.Context(), r.Clock.Now()
	sent, err := r.Room.Invite(c, key, account.Invite{Offers: []account.Offer{{Email: fmt.Sprintf("p%d@x.example", n)}}})
	check(t, err)
	link := r.Token(sent[0].ID)
	_, secret, err := r.MakeKey(c, account.Operate().Inside(jo.Account), key.MembershipID, "Key", nil, 48*time.Hour)
	check(t, err)
	session := jo.SignIn().Session()
	return []*timed{
		{kind: "invitation", made: now, ends: now.Add(7 * 24 * time.Hour), opens: func() bool { _, err := r.Welcome(c, link); return err == nil }},
		{kind: "key", made: now, ends: now.Add(48 * time.Hour), opens: func() bool { _, err := r.UseKey(c, secret, "harbour", ""); return err == nil }},
		{kind: "session", made: now, ends: now.Add(30 * 24 * time.Hour), idle: 7 * 24 * time.Hour,
			opens: func() bool { _, err := r.Enter(c, session, "harbour", ""); return err == nil }},
	}
}
