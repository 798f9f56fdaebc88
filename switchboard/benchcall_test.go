package switchboard_test

import (
	"strconv"
	"sync"
	"testing"

	"hubline/base/db/dbtest"
	"hubline/sip"
)

// BenchmarkCall is a call between two extensions: challenge, ringing, answer, BYE and its record, from sixteen pairs of phones at once. The
// work of the phones is in it.
func BenchmarkCall(b *testing.B) {
	r := newRig(b, dbtest.SQLite(b))
	const pairs = 16
	r.Seats(r.admin, 2*pairs+10)
	var callers, called [pairs]*ua
	for i := range pairs {
		callers[i] = r.phone(r.Add(r.admin, strconv.Itoa(300+i), "Caller "+strconv.Itoa(i)))
		called[i] = r.phone(r.Add(r.admin, strconv.Itoa(400+i), "Called "+strconv.Itoa(i)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var running sync.WaitGroup
	for i := range pairs {
		running.Go(func() {
			for n := i; n < b.N; n += pairs {
				a := callers[i].call(strconv.Itoa(400 + i))
				z := called[i].ringing()
				must(b, z.Ring(180, nil))
				must(b, z.Answer(called[i].offer()))
				want(b, a, sip.Answered)
				want(b, z, sip.Confirmed)
				a.Hangup()
				want(b, z, sip.Bye)
			}
		})
	}
	running.Wait()
}
