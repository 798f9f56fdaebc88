// Package calltest fills a store with the calls of a busy account, as fast as the store takes them. It knows no test.
package calltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/ident"
	"hubline/product/call"
)

// Numbers of the account whose calls Fill makes.
var Numbers = []string{"+61255500142", "+61255500143", "+61355500144", "+61755500145", "+61491570156", "+611300975707", "+61855500146", "+61255500147"}

// People are its phone users; the first are on the phone more than the last.
var People = func() (names []string) {
	for _, first := range []string{"Mary", "Tom", "Priya", "Zoë", "Jo", "Sam", "Alex", "Kim"} {
		for _, last := range []string{"Chen", "Okafor", "Nair", "Müller", "Baptiste"} {
			names = append(names, first+" "+last)
		}
	}
	return names
}()

const (
	rowsAtOnce       = 200
	rowsAtOnceSQLite = 4 // its driver looks up every parameter's name in a list of all
	rowsInTx         = 20_000
)

// Fill records n calls of the account that started between from and to, in their order, most of them in office hours (UTC). The same seed
// makes the same calls.
func Fill(ctx context.Context, d *db.DB, accountID string, n int, from, to time.Time, seed uint64) error {
	random, atOnce := rand.New(rand.NewPCG(seed, 1)), rowsAtOnce
	if d.Engine() == db.SQLite {
		atOnce = rowsAtOnceSQLite
	}
	for left := n; left > 0; {
		err := d.Tx(ctx, func(ctx context.Context, q db.Q) error {
			for done := 0; done < min(left, rowsInTx); {
				rows := min(atOnce, left-done)
				if err := insert(ctx, q, random, accountID, starts(random, n-left+done, rows, n, from, to)); err != nil {
					return err
				}
				done += rows
			}
			return nil
		})
		if err != nil {
			return err
		}
		left -= min(left, rowsInTx)
	}
	return addUp(ctx, d, accountID)
}

const columns = 28

// starts are when some of n calls start, from the one numbered first on.
func starts(random *rand.Rand, first, some, n int, from, to time.Time) []time.Time {
	list := make([]time.Time, some)
	for i := range list {
		at := from.Add(time.Duration((float64(first+i) + random.Float64()) / float64(n) * float64(to.Sub(from))))
		midnight := at.Truncate(24 * time.Hour)
		list[i] = midnight.Add(time.Duration(office(float64(at.Sub(midnight))/float64(24*time.Hour)) * float64(24*time.Hour)))
	}
	return list
}

// office moves the moments of a day, between 0 and 1, into office hours: a tenth of them stay before 8:00, a tenth after 18:00.
func office(moment float64) float64 {
	switch {
	case moment < 0.1:
		return moment / 0.1 * 8 / 24
	case moment < 0.9:
		return (8 + (moment-0.1)/0.8*10) / 24
	}
	return (18 + (moment-0.9)/0.1*6) / 24
}

func insert(ctx context.Context, q db.Q, random *rand.Rand, accountID string, starts []time.Time) error {
	values, args := make([]string, len(starts)), make([]any, 0, len(starts)*columns)
	for i, started := range starts {
		values[i] = "(" + db.In(1+i*columns, columns) + ")"
		c := record(random, started)
		args = append(args, accountID, c.ID, c.Direction, c.Status, c.FromNumber, c.FromName, c.FromUserID, c.ToNumber, c.ToName, c.ToUserID, c.Peer(), 0,
			c.ServiceNumber, c.ServiceName, c.AnsweringPoint, c.AnsweredByID, "", c.StartedAt, c.AnsweredAt, c.EndedAt, c.RingMS, c.TalkMS, "hung-up", "caller", 200,
			`[{"at":1,"kind":"ring","party":"Mary Chen"}]`,
			strings.ToLower(c.FromName+" "+c.ToName+" "+c.ServiceName+" "+c.AnsweringPoint)+" "+c.FromNumber+" "+c.ToNumber+" "+c.ServiceNumber, "one")
	}
	_, err := q.ExecContext(ctx, `
		INSERT INTO calls (account_id, id, direction, status, from_number, from_name, from_user_id, to_number, to_name, to_user_id, peer, hidden,
			service_number, service_name, answering_point, answered_by_id, carrier, started_at, answered_at, ended_at, ring_ms, talk_ms, cause, ended_by,
			sip_status, steps, search, node) VALUES `+strings.Join(values, ","), args...)
	return err
}

func record(random *rand.Rand, started time.Time) call.Record {
	who := min(random.IntN(len(People)), random.IntN(len(People)))
	number := random.IntN(len(Numbers))
	c := call.Record{ID: ident.Ordered(started.UnixMilli()), Direction: call.Inbound, Status: status(random), StartedAt: started.UnixMilli(),
		FromNumber: outside(random), ToNumber: Numbers[number], ServiceNumber: Numbers[number], ServiceName: fmt.Sprintf("Service %d", number),
		ToName: People[who], RingMS: 1000 + random.Int64N(25_000)}
	switch n := random.IntN(10); {
	case n == 0:
		c.Direction, c.FromNumber, c.FromName, c.ToNumber = call.Internal, "101", People[len(People)-1-who], fmt.Sprint(101+who)
		c.ServiceNumber, c.ServiceName = "", ""
	case n < 4:
		c.Direction, c.FromNumber, c.FromName, c.ToNumber, c.ToName = call.Outbound, c.ServiceNumber, People[who], c.FromNumber, ""
	}
	if c.Status == call.Answered {
		c.TalkMS, c.AnsweredAt, c.AnsweringPoint = 5000+random.Int64N(600_000), c.StartedAt+c.RingMS, People[who]
		if c.Direction == call.Outbound {
			c.AnsweringPoint = ""
		}
	}
	c.EndedAt = c.StartedAt + c.RingMS + c.TalkMS
	return c
}

func status(random *rand.Rand) call.Status {
	switch n := random.IntN(1000); {
	case n < 850:
		return call.Answered
	case n < 930:
		return call.Unanswered
	case n < 970:
		return call.Cancelled
	case n < 999:
		return call.Busy
	}
	return call.Unavailable
}

// outside is one of 50,000 numbers, some of which call far more often than others.
func outside(random *rand.Rand) string {
	return fmt.Sprintf("+614915%05d", min(random.IntN(50_000), random.IntN(50_000), random.IntN(50_000)))
}

// addUp makes the sums that the room keeps, from all calls of the account at once.
func addUp(ctx context.Context, d *db.DB, accountID string) error {
	return d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		for dimension, column := range map[call.Dimension]string{call.AllCalls: "''", call.ByService: "service_number",
			call.ByAnsweringPoint: "CASE WHEN direction = 'outbound' THEN '' ELSE answering_point END",
			call.ByCaller:         "CASE WHEN direction = 'inbound' THEN '' ELSE from_name END"} {
			for _, span := range []int64{15 * 60_000, 24 * 3_600_000, 32 * 24 * 3_600_000} {
				_, err := q.ExecContext(ctx, fmt.Sprintf(`
					INSERT INTO call_sums (account_id, dimension, value, span, at, direction, status, calls, ring_ms, talk_ms)
					SELECT account_id, '%s', value, %d, begun, direction, status, COUNT(*), SUM(ring_ms), SUM(talk_ms)
					FROM (SELECT account_id, %s AS value, started_at / %[2]d * %[2]d AS begun, direction, status, ring_ms, talk_ms FROM calls WHERE account_id = $1) AS c
					WHERE value <> '' OR '%[1]s' = 'all'
					GROUP BY account_id, value, begun, direction, status ORDER BY begun`, dimension, span, column), accountID)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}
