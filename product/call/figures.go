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
	var whole, broken []piece
	for i := range in.Cuts[1:] {
		for _, p := range pieces(in.Cuts[i].UnixMilli(), in.Cuts[i+1].UnixMilli()) {
			if p.interval = i; p.span == 0 {
				broken = append(broken, p)
			} else {
				whole = append(whole, p)
			}
		}
	}
	if list, err = r.readSums(ctx, actor.Account.ID, in, whole, sumsOfSums); err != nil || len(broken) == 0 {
		return list, err
	}
	more, err := r.readSums(ctx, actor.Account.ID, in, broken, sumsOfCalls)
	return append(list, more...), err // two rows for the same key are as good as one
}

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

// source is where sums come from: the table they were added up in, or the calls themselves.
type source struct {
	table        string
	count        string
	value        func(Dimension) string // the column that holds the dimension's value
	join         func(Dimension) string // finds the rows of a piece
	from, before func(piece) any
}

var sumsOfSums = source{
	table: "call_sums", count: "CAST(SUM(s.calls) AS BIGINT)",
	value: func(Dimension) string { return "s.value" },
	join: func(d Dimension) string {
		return `s.dimension = '` + string(d) + `' AND s.span = p.span AND s.at >= p.low AND s.at < p.high`
	},
	from:   func(p piece) any { return p.from },
	before: func(p piece) any { return p.to },
}

var sumsOfCalls = source{
	table: "calls", count: "COUNT(*)",
	value:  func(d Dimension) string { return dimensionColumns[d] },
	join:   func(Dimension) string { return `s.id >= p.low AND s.id < p.high AND s.ended_at > 0 AND p.span = 0` },
	from:   func(p piece) any { return idFrom(p.from) },
	before: func(p piece) any { return idFrom(p.to) },
}

var dimensionColumns = map[Dimension]string{AllCalls: "''", ByAnsweringPoint: "s.answering_point", ByService: "s.service_number"}

func (r *Room) readSums(ctx context.Context, accountID string, in Summing, list []piece, from source) (sums []Sum, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	if dimensionColumns[in.Dimension] == "" {
		return nil, errors.New("no such dimension")
	}
	b := &builder{}
	value := "''"
	if in.ByValue {
		value = from.value(in.Dimension)
	}
	text := `WITH p (interval_no, span, low, high) AS (VALUES ` + from.rows(b, list) + `)
		SELECT p.interval_no, ` + value + `, s.direction, s.status, ` + from.count + `, CAST(SUM(s.ring_ms) AS BIGINT), CAST(SUM(s.talk_ms) AS BIGINT)
		FROM p JOIN ` + from.table + ` s ON s.account_id = ` + b.arg(accountID) + ` AND ` + from.join(in.Dimension)
	and := func(is bool, column string, v any) {
		if is {
			text += ` AND ` + column + ` = ` + b.arg(v)
		}
	}
	and(!in.ByValue && (in.Dimension != AllCalls || from.table == sumsOfSums.table), from.value(in.Dimension), in.Value)
	and(in.Direction != "", "s.direction", in.Direction)
	and(in.Status != "", "s.status", in.Status)
	if in.ByValue {
		text += ` AND ` + value + ` <> ''`
	}
	rows, err := r.DB.QueryContext(ctx, text+` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, b.args...)
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

// rows writes the pieces as rows of parameters.
func (from source) rows(b *builder, list []piece) string {
	kind := "BIGINT"
	if _, text := from.from(list[0]).(string); text {
		kind = "TEXT"
	}
	values := make([]string, len(list))
	for i, p := range list {
		values[i] = `(CAST(` + b.arg(p.interval) + ` AS BIGINT), CAST(` + b.arg(p.span) + ` AS BIGINT), CAST(` + b.arg(from.from(p)) + ` AS ` + kind +
			`), CAST(` + b.arg(from.before(p)) + ` AS ` + kind + `))`
	}
	return strings.Join(values, ", ")
}
