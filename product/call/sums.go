package call

import (
	"cmp"
	"context"
	"slices"

	"hubline/base/db"
)

// Dimension is what calls are added up by.
type Dimension string

// The dimensions.
const (
	AllCalls         Dimension = "all"             // of which there is one value, ""
	ByAnsweringPoint Dimension = "answering-point" // inbound and internal calls; out there, every number would be one
	ByCaller         Dimension = "caller"          // outbound and internal calls, by who called
	ByService        Dimension = "service"         // inbound and outbound calls, by service number
)

// Spans of sums in ms, the longest first. They begin at multiples of their length, so a longer one is made of shorter ones. A quarter of
// an hour is the finest step of time zones.
const (
	quarter = 15 * 60 * 1000
	day     = 24 * 60 * 60 * 1000
	month   = 32 * day
)

var spans = [...]int64{month, day, quarter}

// sumKey is the primary key of a row of sums.
type sumKey struct {
	accountID string
	dimension Dimension
	value     string
	span, at  int64
	direction Direction
	status    Status
}

type sum struct{ calls, ringMS, talkMS int64 }

// sums is what a transaction adds.
type sums map[sumKey]sum

// Value is what a call counts for in the dimension, "" for nothing.
func (d Dimension) Value(c Record) string {
	switch {
	case d == ByAnsweringPoint && c.Direction != Outbound:
		return c.AnsweringPoint
	case d == ByCaller && c.Direction != Inbound:
		return c.FromName
	case d == ByService:
		return c.ServiceNumber
	}
	return ""
}

// dimensionValues are the same for SQL.
var dimensionValues = map[Dimension]string{
	AllCalls:         `''`,
	ByAnsweringPoint: `CASE WHEN s.direction = 'outbound' THEN '' ELSE s.answering_point END`,
	ByCaller:         `CASE WHEN s.direction = 'inbound' THEN '' ELSE s.from_name END`,
	ByService:        `s.service_number`,
}

// add counts a closed call.
func (s sums) add(c Record) {
	for _, span := range spans {
		k := sumKey{accountID: c.AccountID, dimension: AllCalls, span: span, at: c.StartedAt - c.StartedAt%span, direction: c.Direction, status: c.Status}
		s.count(k, c)
		for _, k.dimension = range []Dimension{ByAnsweringPoint, ByCaller, ByService} {
			if k.value = k.dimension.Value(c); k.value != "" {
				s.count(k, c)
			}
		}
	}
}

func (s sums) count(k sumKey, c Record) {
	now := s[k]
	s[k] = sum{now.calls + 1, now.ringMS + c.RingMS, now.talkMS + c.TalkMS}
}

// saveSums adds to the rows of the store, in the order of their key, as every transaction does: two nodes never wait for each other.
func (r *Room) saveSums(ctx context.Context, q db.Q, s sums) error {
	keys := make([]sumKey, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		return cmp.Or(cmp.Compare(a.accountID, b.accountID), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.value, b.value),
			cmp.Compare(a.span, b.span), cmp.Compare(a.at, b.at), cmp.Compare(a.direction, b.direction), cmp.Compare(a.status, b.status))
	})
	for len(keys) > 0 {
		n := r.atOnce(len(keys))
		args := make([]any, 0, n*sumColumns)
		for _, k := range keys[:n] {
			v := s[k]
			args = append(args, k.accountID, k.dimension, k.value, k.span, k.at, k.direction, k.status, v.calls, v.ringMS, v.talkMS)
		}
		if _, err := q.ExecContext(ctx, sumTexts[n], args...); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

const sumColumns = 10

var sumTexts = func() map[int]string {
	texts := map[int]string{}
	for _, n := range rowsAtOnce {
		texts[n] = `
		INSERT INTO call_sums (account_id, dimension, value, span, at, direction, status, calls, ring_ms, talk_ms) VALUES ` + values(n, sumColumns) + `
		ON CONFLICT (account_id, dimension, value, span, at, direction, status) DO UPDATE SET calls = call_sums.calls + excluded.calls,
			ring_ms = call_sums.ring_ms + excluded.ring_ms, talk_ms = call_sums.talk_ms + excluded.talk_ms`
	}
	return texts
}()
