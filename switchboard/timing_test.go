package switchboard_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/product/phoneuser"
	"hubline/sip"
)

// The figures of goal B10 are those of -timings 10000 on a quiet machine.
var timings = flag.Int("timings", 25, "timings of each class of names, known and unknown")

// S1 and B10: a challenge, and the answer to wrong credentials, take the same time for names that exist and for others. The medians are
// printed; the test fails only when even the quickest answers are more than a millisecond apart.
func TestS1KnownAndUnknownNamesTakeTheSameTime(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		asker := newUA(t, r.sip, "udp")
		var names [2][]string // known, unknown
		for _, u := range []phoneuser.User{r.mary, r.tom} {
			for range 4 {
				known := r.Device(r.admin, u.ID, "phone").Username
				names[0] = append(names[0], known)
				names[1] = append(names[1], known[:1]+strings.Repeat("a", len(known)-2)+fmt.Sprint(len(names[1])))
			}
		}
		var challenged, refused [2][]time.Duration
		turns := rand.Perm(2 * *timings)
		for n, i := range turns {
			if n%10 == 0 {
				r.clock.Advance(49 * time.Hour) // wrong credentials are forgotten
			}
			class := i % 2
			name := names[class][i/2%len(names[class])]
			asker.as = phoneuser.Details{Username: name, Password: "wrong", Algorithm: phoneuser.AlgorithmOf(name)}
			m := asker.request("REGISTER", "")
			again := m.Clone()
			res, took := asker.timed(m)
			challenged[class] = append(challenged[class], took)
			asker.authorise(again, res)
			_, took = asker.timed(again)
			refused[class] = append(refused[class], took)
		}
		for _, of := range []struct {
			name string
			took [2][]time.Duration
		}{{"challenge", challenged}, {"wrong credentials", refused}} {
			known, unknown := of.took[0], of.took[1]
			slices.Sort(known)
			slices.Sort(unknown)
			middle := func(list []time.Duration) time.Duration { return list[len(list)/2].Round(time.Microsecond) }
			t.Logf("%s: %s: %d of each class: known %v, unknown %v, apart by %v", r.DB.Engine(), of.name, *timings, middle(known), middle(unknown), (middle(known) - middle(unknown)).Abs())
			if (known[0] - unknown[0]).Abs() > time.Millisecond {
				t.Errorf("%s tells known from unknown names by time: the quickest took %v and %v", of.name, known[0], unknown[0])
			}
		}
	})
}

// timed sends a REGISTER that is answered with 401, and tells how long that took.
func (u *ua) timed(m *sip.Message) (*sip.Message, time.Duration) {
	u.t.Helper()
	began := time.Now()
	res := u.once(m)
	took := time.Since(began)
	if res.Status != 401 {
		u.t.Fatalf("%s: %d %s", u.as.Username, res.Status, res.Reason)
	}
	return res, took
}
