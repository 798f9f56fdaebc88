package call

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// Sum is how many calls there were in one interval, of one value, direction and status, and how long they rang and talked together.
type Sum struct {
	Interval  int    // between Cuts[Interval] and Cuts[Interval+1]
	Value     string // of the dimension; "" unless ByValue
	Direction Direction
	Status    Status
	Calls     int64
	Ring      time.Duration
	Talk      time.Duration
}

// Summing chooses sums. Empty fields choose all.
type Summing struct {
	Cuts      []time.Time // where intervals begin, in order, and where the last ends; at most 400
	Dimension Dimension   // "" is AllCalls
	Value     string      // only calls of this value of the dimension; with ByValue it must be empty
	ByValue   bool        // a sum for each value
	Direction Direction
	Status    Status
}

const mostCuts = 400

// Sums adds up the account's calls that have ended, by when they started. It reads what was added up when they were closed, so that a
// year takes hardly longer than a day.
func (r *Room) Sums(ctx context.Context, actor account.Actor, in Summing) (list []Sum, err error) {
	defer fault.Wrap(&err, "call.Sums")
	if err := actor.Require(account.ViewCalls); err != nil {
		return nil, err
	}
	if len(in.Cuts) < 2 || len(in.Cuts) > mostCuts || !slices.IsSortedFunc(in.Cuts, time.Time.Compare) {
		return nil, errors.New("sums need 2 to 400 moments in order")
	}
	if in.Dimension == "" {
		in.Dimension = AllCalls
	}
	if dimensionValues[in.Dimension] == "" {
		return nil, errors.New("no such dimension")
	}
	var whole []piece
	for i := range in.Cuts[1:] {
		for _, p := range pieces(in.Cuts[i].UnixMilli(), in.Cuts[i+1].UnixMilli()) {
			p.interval = i
			whole = append(whole, p)
		}
	}
	for some := range slices.Chunk(whole, piecesAtOnce) {
		b := &builder{}
		arms := make([]string, len(some))
		for i, p := range some {
			arms[i] = b.sum(actor.Account.ID, in, p)
		}
		if list, err = r.readSums(ctx, list, strings.Join(arms, " UNION ALL "), b.args); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// piecesAtOnce are read by one query, each on its own: joined with a table of pieces, PostgreSQL may read everything for each of them.
const piecesAtOnce = 16

// piece is a part of an interval, from inclusive, of which there are sums of one span. Without span it is shorter than a quarter of an
// hour and has to be counted.
type piece struct {
	interval int
	span     int64
	from, to int64 // Unix ms
}

// pieces cuts from…to into as few pieces as the spans allow: long ones inside, short ones at the ends.
func pieces(from, to int64) (list []piece) {
	var cut func(from, to int64, spans []int64)
	cut = func(from, to int64, spans []int64) {
		if from >= to {
			return
		}
		if len(spans) == 0 {
			list = append(list, piece{from: from, to: to})
			return
		}
		span := spans[0]
		first, last := (from+span-1)/span*span, to/span*span
		if first >= last {
			cut(from, to, spans[1:])
			return
		}
		cut(from, first, spans[1:])
		list = append(list, piece{span: span, from: first, to: last})
		cut(last, to, spans[1:])
	}
	cut(max(0, from), max(0, to), spans[:])
	return list
}

// sum is the SQL that adds up one piece: from the sums that are kept, or from the calls where there are none.
func (b *builder) sum(accountID string, in Summing, p piece) string {
	table, value, count := "call_sums", "s.value", "CAST(SUM(s.calls) AS BIGINT)"
	where := `s.account_id = ` + b.arg(accountID)
	if p.span > 0 {
		where += ` AND s.dimension = ` + b.arg(in.Dimension) + ` AND s.span = ` + b.arg(p.span) + ` AND s.at >= ` + b.arg(p.from) + ` AND s.at < ` + b.arg(p.to)
	} else {
		table, value, count = "calls", dimensionValues[in.Dimension], "COUNT(*)"
		where += ` AND s.ended_at > 0 AND s.id >= ` + b.arg(idFrom(p.from)) + ` AND s.id < ` + b.arg(idFrom(p.to))
	}
	shown := value
	if in.ByValue {
		where += ` AND ` + value + ` <> ''`
	} else {
		shown = "''"
		where += ` AND ` + value + ` = ` + b.arg(in.Value)
	}
	if in.Direction != "" {
		where += ` AND s.direction = ` + b.arg(in.Direction)
	}
	if in.Status != "" {
		where += ` AND s.status = ` + b.arg(in.Status)
	}
	return `SELECT CAST(` + b.arg(p.interval) + ` AS BIGINT), ` + shown + `, s.direction, s.status, ` + count + `,
		CAST(SUM(s.ring_ms) AS BIGINT), CAST(SUM(s.talk_ms) AS BIGINT) FROM ` + table + ` s WHERE ` + where + ` GROUP BY 2, 3, 4`
}

// readSums appends what a query adds up, for the same interval and value perhaps several.
func (r *Room) readSums(ctx context.Context, sums []Sum, text string, args []any) ([]Sum, error) {
	rows, err := r.DB.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s Sum
		var ring, talk int64
		if err := rows.Scan(&s.Interval, &s.Value, &s.Direction, &s.Status, &s.Calls, &ring, &talk); err != nil {
			return nil, err
		}
		s.Ring, s.Talk = time.Duration(ring)*time.Millisecond, time.Duration(talk)*time.Millisecond
		sums = append(sums, s)
	}
	return sums, rows.Err()
}

// Fold adds up calls as Sums does, by the values of the dimension.
func Fold(calls []Record, cuts []time.Time, d Dimension) (list []Sum) {
	at := map[Sum]int{}
	for _, c := range calls {
		next, _ := slices.BinarySearchFunc(cuts, c.StartedAt, func(cut time.Time, ms int64) int {
			if cut.UnixMilli() <= ms {
				return -1
			}
			return 1
		})
		if next == 0 || next == len(cuts) {
			continue
		}
		k := Sum{Interval: next - 1, Value: d.Value(c), Direction: c.Direction, Status: c.Status}
		i, known := at[k]
		if !known {
			i, list = len(list), append(list, k)
			at[k] = i
		}
		list[i].Calls++
		list[i].Ring += time.Duration(c.RingMS) * time.Millisecond
		list[i].Talk += time.Duration(c.TalkMS) * time.Millisecond
	}
	return list
}

// Figures are what a filter's calls add up to.
type Figures struct {
	Days   []Sum // for each interval
	Values []Sum // for each value of a dimension over all intervals; nil when it would take too long
}

const (
	tallyMost = 5000 // calls that are added up one by one
	tallyPage = 1000
)

// Figures adds up what the filter chooses, by the values of the dimension too. It reads sums where they hold what the filter asks for, and
// counts calls that an index finds; ok is false when that would take longer than the room's Patience, as for a search in names. The
// filter's Since and Until are the first and last of cuts.
func (r *Room) Figures(ctx context.Context, actor account.Actor, f Filter, cuts []time.Time, by Dimension) (out Figures, ok bool, err error) {
	defer fault.Wrap(&err, "call.Figures")
	if err := actor.Require(account.ViewCalls); err != nil {
		return out, false, err
	}
	if f.Since, f.Until = cuts[0], cuts[len(cuts)-1]; f.Search != "" {
		return out, false, nil
	}
	sum := Summing{Cuts: cuts, Direction: f.Direction, Status: f.Status}
	if f.Number == "" && f.AnsweringPoint == "" {
		if out.Days, err = r.Sums(ctx, actor, sum); err != nil {
			return out, false, err
		}
		sum.Cuts, sum.Dimension, sum.ByValue = []time.Time{f.Since, f.Until}, by, true
		out.Values, err = r.Sums(ctx, actor, sum)
		return out, err == nil, err
	}
	s, err := r.search(actor.Account.ID, f)
	if err != nil {
		return out, false, err
	}
	if list, ok, err := s.tally(ctx, cuts, by, r.Patience); ok || err != nil {
		return Figures{Days: list, Values: list}, ok, err
	}
	var more []Sum
	switch number := r.number(f.Number); { // too many to count: a main number, or somebody who is always on the phone
	case f.AnsweringPoint != "" && number == "" && f.Direction != Outbound:
		sum.Dimension, sum.Value = ByAnsweringPoint, f.AnsweringPoint
	case f.AnsweringPoint == "" && len(s.keys) == 2: // by service number, and where the number is at the far end
		s.keys = []indexKey{{s.keys[0].columns, s.keys[0].values, condition{"service_number <> %s", []any{number}}}}
		if more, ok, err = s.tally(ctx, cuts, by, r.Patience); !ok || err != nil {
			return out, false, err
		}
		sum.Dimension, sum.Value = ByService, number
	default:
		return out, false, nil
	}
	out.Days, err = r.Sums(ctx, actor, sum)
	out.Days = append(out.Days, more...)
	return out, err == nil, err
}

// tally counts what the search finds, if that is not too much.
func (s search) tally(ctx context.Context, cuts []time.Time, by Dimension, patience time.Duration) (list []Sum, ok bool, err error) {
	if many, err := s.many(ctx); err != nil || many {
		return nil, false, err
	}
	deadline := time.Now().Add(patience)
	var calls []Record
	for at := ""; ; {
		page, last, _, err := s.page(ctx, at, tallyPage, patience)
		if err != nil {
			return nil, false, err
		}
		calls = append(calls, page...)
		if at = last; last == "" {
			return Fold(calls, cuts, by), true, nil
		}
		if time.Now().After(deadline) {
			return nil, false, nil
		}
	}
}

// many reports whether the index finds more than can be counted one by one.
func (s search) many(ctx context.Context) (bool, error) {
	_, full, err := s.end(ctx, tallyMost)
	return full, err
}
