package change_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
)

func TestSubscribersByPrefixHearOfEverythingBelow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		devices, cancel := f.SubscribePrefix("device:")
		one, cancelOne := f.Subscribe("device:1")
		defer cancelOne()
		post(t, d, time.Now(), "device:1", "devices", "account:device:1", "phone:1")
		expect(t, devices, "device:1")
		expect(t, one, "device:1")
		post(t, d, time.Now(), "device:2")
		expect(t, devices, "device:2")
		settle(t, d, f)
		if len(devices)+len(one) != 0 {
			t.Error("somebody heard of what is not theirs, or twice")
		}
		cancel()
		cancel()
		if _, open := <-devices; open {
			t.Error("something came after the end")
		}
		post(t, d, time.Now(), "device:3")
		settle(t, d, f)
	})
}

// Nobody's channel grows without bounds: when too much waits, the prefix stands for all of it.
func TestTooMuchBelowAPrefix(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		devices, cancel := f.SubscribePrefix("device:")
		defer cancel()
		var topics []string
		for n := range 300 {
			topics = append(topics, fmt.Sprintf("device:%d", n))
		}
		for part := range slices.Chunk(topics, 100) {
			post(t, d, time.Now(), part...)
			settle(t, d, f)
		}
		expect(t, devices, "device:")
		post(t, d, time.Now(), "device:7", "device:7")
		expect(t, devices, "device:7")
	})
}

func TestWhoeverListensByPrefixIsToldWhenNoticesMayBeLost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var skew atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
		f := run(t, d, func(f *change.Feed) { f.Now = now })
		devices, cancel := f.SubscribePrefix("device:")
		defer cancel()
		mark, cancelMark := f.Subscribe("mark")
		defer cancelMark()
		post(t, d, now(), "mark")
		expect(t, mark, "mark")
		skew.Store(int64(time.Hour)) // as if the store had been away
		expect(t, devices, "device:")
	})
}
