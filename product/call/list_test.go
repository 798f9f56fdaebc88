package call_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/call"
)

// mixed makes calls of every direction and status at random moments of ten days, and returns them newest first.
func (r *rig) mixed(t *testing.T, n int) []call.Record {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	people := []string{"Mary Chen", "Tom Okafor", "Zoë Müller"}
	var list []call.Record
	for range n {
		start := r.Clock.Now().Add(-time.Duration(random.Int64N(int64(10 * 24 * time.Hour))))
		c := r.inbound(start, call.Statuses[random.IntN(5)], time.Duration(random.IntN(30))*time.Second, time.Duration(random.IntN(300))*time.Second)
		who := people[random.IntN(3)]
		c.FromNumber = fmt.Sprintf("+6149157%04d", []int{3, 7, 11, 12}[random.IntN(4)])
		c.ToName = who
		if c.Direction = call.Directions[random.IntN(3)]; c.Direction != call.Inbound {
			c.FromNumber, c.FromName, c.ToNumber, c.ToName = main, who, c.FromNumber, ""
			c.AnsweringPoint = ""
		}
		if c.Direction == call.Inbound && random.IntN(10) == 0 {
			c.FromNumber = main // somebody calls the company from the company
		}
		if c.Direction == call.Internal {
			c.ServiceNumber, c.ServiceName, c.FromNumber, c.ToNumber = "", "", "101", fmt.Sprint(102+random.IntN(3))
		}
		if c.Status == call.Answered {
			c.AnsweringPoint = who
		} else {
			c.TalkMS, c.AnsweringPoint, c.AnsweredByID, c.AnsweredAt = 0, "", "", 0
		}
		var err error
		c.ID, err = r.calls.Begin(t.Context(), c)
		must(t, err)
		must(t, r.calls.Finish(t.Context(), c.AccountID, c))
		list = append(list, c)
	}
	must(t, r.calls.Flush(t.Context()))
	slices.SortFunc(list, func(a, b call.Record) int { return strings.Compare(b.ID, a.ID) })
	return list
}

// Every filter, in both orders and any size of pages, gives what a look at every call gives.
func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		all := r.mixed(t, 400)
		r.done(t, call.Record{AccountID: r.north.Account.ID, Direction: call.Inbound, Status: call.Busy, FromNumber: mobile})
		now := r.Clock.Now()
		number := func(n string) func(call.Record) bool {
			return func(c call.Record) bool { return c.FromNumber == n || c.ToNumber == n || c.ServiceNumber == n }
		}
		for name, tt := range map[string]struct {
			filter call.Filter
			fits   func(call.Record) bool
		}{
			"all":       {call.Filter{}, func(call.Record) bool { return true }},
			"direction": {call.Filter{Direction: call.Outbound}, func(c call.Record) bool { return c.Direction == call.Outbound }},
			"status":    {call.Filter{Status: call.Busy}, func(c call.Record) bool { return c.Status == call.Busy }},
			"both": {call.Filter{Direction: call.Inbound, Status: call.Answered}, func(c call.Record) bool {
				return c.Direction == call.Inbound && c.Status == call.Answered
			}},
			"time": {call.Filter{Since: now.Add(-50 * time.Hour), Until: now.Add(-10 * time.Hour)}, func(c call.Record) bool {
				return c.StartedAt >= now.Add(-50*time.Hour).UnixMilli() && c.StartedAt < now.Add(-10*time.Hour).UnixMilli()
			}},
			"answering point": {call.Filter{AnsweringPoint: "Zoë Müller"}, func(c call.Record) bool { return c.AnsweringPoint == "Zoë Müller" }},
			"point and direction": {call.Filter{AnsweringPoint: "Mary Chen", Direction: call.Internal}, func(c call.Record) bool {
				return c.AnsweringPoint == "Mary Chen" && c.Direction == call.Internal
			}},
			"our number":       {call.Filter{Number: "(02) 5550 0142"}, number(main)},
			"their number":     {call.Filter{Number: "0491 570 007"}, number("+61491570007")},
			"searched number":  {call.Filter{Search: "0491 570 007"}, number("+61491570007")},
			"number and state": {call.Filter{Number: "+61491570007", Status: call.Busy}, func(c call.Record) bool { return number("+61491570007")(c) && c.Status == call.Busy }},
			"extension":        {call.Filter{Number: "102"}, number("102")},
			"part of a number": {call.Filter{Search: "0491 570 01"}, func(c call.Record) bool {
				return strings.Contains(c.FromNumber+" "+c.ToNumber, "+6149157001")
			}},
			"end of a number": {call.Filter{Search: "0011"}, func(c call.Record) bool { return strings.Contains(c.FromNumber+" "+c.ToNumber, "0011") }},
			"name without accents": {call.Filter{Search: "zoe MULLER", Direction: call.Outbound}, func(c call.Record) bool {
				return c.Direction == call.Outbound && (c.FromName == "Zoë Müller" || c.AnsweringPoint == "Zoë Müller")
			}},
			"pattern": {call.Filter{Search: "%"}, func(call.Record) bool { return false }},
			"nobody":  {call.Filter{AnsweringPoint: "Nobody"}, func(call.Record) bool { return false }},
		} {
			t.Run(name, func(t *testing.T) {
				var want []string
				for _, c := range all {
					if tt.fits(c) {
						want = append(want, c.ID)
					}
				}
				if len(want) == 0 && name != "pattern" && name != "nobody" {
					t.Fatal("the test finds nothing to compare")
				}
				for _, oldest := range []bool{false, true} {
					tt.filter.Oldest = oldest
					for _, limit := range []int{7, 500} {
						if got := r.pages(t, tt.filter, limit); !slices.Equal(got, want) {
							t.Errorf("oldest %t, %d at once: %d calls, want %d", oldest, limit, len(got), len(want))
						}
					}
					var each []string
					must(t, r.calls.Each(t.Context(), r.admin.Actor(), tt.filter, func(c call.Record) error { each = append(each, c.ID); return nil }))
					if !slices.Equal(each, want) {
						t.Errorf("each: %d calls, want %d", len(each), len(want))
					}
					slices.Reverse(want)
				}
			})
		}
	})
}

// pages reads a list page by page.
func (r *rig) pages(t *testing.T, f call.Filter, limit int) (ids []string) {
	t.Helper()
	for f.Limit = limit; ; {
		page := r.list(t, f)
		for _, c := range page.Calls {
			ids = append(ids, c.ID)
		}
		if f.After = page.Next; page.Next == "" {
			return ids
		}
	}
}

// A search for what is rare ends when patience does, says how far it got, and goes on from there.
func TestSearchSaysHowFarItGot(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		rare := r.inbound(r.Clock.Now().Add(-48*time.Hour), call.Busy, 0, 0)
		rare.FromName = "Rarely Seen"
		want := r.done(t, rare)
		for i := range 1500 {
			c := r.inbound(r.Clock.Now().Add(-time.Duration(i)*time.Minute), call.Answered, 0, 0)
			c.ID, _ = r.calls.Begin(t.Context(), c)
			must(t, r.calls.Finish(t.Context(), c.AccountID, c))
		}
		must(t, r.calls.Flush(t.Context()))
		r.calls.Patience = time.Nanosecond
		first := r.list(t, call.Filter{Search: "rarely"})
		if len(first.Calls) != 0 || first.Next == "" || first.SearchedTo != r.Clock.Now().Add(-999*time.Minute).UnixMilli() {
			t.Fatalf("the first page is %+v", first)
		}
		second := r.list(t, call.Filter{Search: "rarely", After: first.Next})
		if len(second.Calls) != 1 || second.Calls[0].ID != want || second.Next != "" || second.SearchedTo != 0 {
			t.Errorf("the second page is %+v", second)
		}
	})
}

func TestListRefusesWhatItDoesNotKnow(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for _, f := range []call.Filter{{Direction: "sideways"}, {Status: "lost"}, {After: "x"}} {
			if _, err := r.calls.List(t.Context(), r.admin.Actor(), f); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", f, err)
			}
		}
		r.done(t, r.inbound(r.Clock.Now(), call.Busy, 0, 0))
		id := r.done(t, r.inbound(r.Clock.Now().Add(-time.Minute), call.Busy, 0, 0))
		page := r.list(t, call.Filter{Limit: 1})
		if _, err := r.calls.List(t.Context(), r.north.Actor(), call.Filter{After: page.Next}); !fault.Is(err, fault.Invalid) {
			t.Errorf("another account's mark: %v", err)
		}
		if _, err := r.calls.ByID(t.Context(), r.north.Actor(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account's call: %v", err)
		}
	})
}

// Sums are what adding up the calls gives, whatever the intervals, zones with odd offsets included.
func TestSums(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		all := r.mixed(t, 400)
		now := r.Clock.Now()
		for name, cuts := range map[string][]time.Time{
			"days at the half hour": {now.Add(-9*24*time.Hour - 30*time.Minute), now.Add(-8*24*time.Hour - 30*time.Minute), now.Add(-30 * time.Minute)},
			"odd moments":           {now.Add(-100*time.Hour - 7*time.Minute), now.Add(-50*time.Hour + 3*time.Second), now.Add(-49 * time.Hour), now},
			"minutes":               {now.Add(-5 * time.Minute), now},
			"years":                 {now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)},
		} {
			for _, in := range []call.Summing{{}, {Direction: call.Inbound}, {Status: call.Busy, Direction: call.Outbound}, {Dimension: call.ByAnsweringPoint, ByValue: true},
				{Dimension: call.ByAnsweringPoint, Value: "Mary Chen"}, {Dimension: call.ByService, Value: main, Status: call.Answered}, {Dimension: call.ByService, ByValue: true},
				{Dimension: call.ByCaller, ByValue: true}} {
				in.Cuts = cuts
				want := map[string]int64{}
				for _, c := range all {
					value := in.Dimension.Value(c)
					i, _ := slices.BinarySearchFunc(cuts, c.StartedAt+1, func(at time.Time, ms int64) int { return int(at.UnixMilli() - ms) })
					if i == 0 || i == len(cuts) || in.Direction != "" && c.Direction != in.Direction || in.Status != "" && c.Status != in.Status ||
						!in.ByValue && value != in.Value || in.ByValue && value == "" {
						continue
					}
					if !in.ByValue {
						value = ""
					}
					k := fmt.Sprintf("%d %q %s %s", i-1, value, c.Direction, c.Status)
					want[k+" calls"]++
					want[k+" ring"] += c.RingMS
					want[k+" talk"] += c.TalkMS
				}
				got := map[string]int64{}
				for _, s := range r.sums(t, in) {
					k := fmt.Sprintf("%d %q %s %s", s.Interval, s.Value, s.Direction, s.Status)
					got[k+" calls"] += s.Calls
					got[k+" ring"] += s.Ring.Milliseconds()
					got[k+" talk"] += s.Talk.Milliseconds()
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %+v: got %v, want %v", name, in, got, want)
				}
			}
		}
	})
}
