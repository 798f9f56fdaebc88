package call

import (
	"context"
	"fmt"
	"strings"

	"hubline/base/db"
)

// rowsAtOnce are the numbers of rows that one statement writes: few, so that prepared statements are used again. PostgreSQL saves a trip
// with every row. SQLite has no trips to save, and keeps a journal of a statement that writes several, to undo half of it.
var rowsAtOnce = []int{64, 16, 4, 1}

const mostAtOnceSQLite = 1

// save writes whole records, new or known, and adds to the sums those that are closed by it. What was closed before stays as it is.
func (r *Room) save(ctx context.Context, q db.Q, records []Record) error {
	sums := sums{}
	var over []Record
	for at := 0; at < len(records); {
		n := r.atOnce(len(records) - at)
		closed, err := saveSome(ctx, q, records[at:at+n])
		if err != nil {
			return err
		}
		for _, c := range records[at : at+n] {
			if !c.Live() && closed[key{c.AccountID, c.ID}] {
				sums.add(c)
				over = append(over, c)
			}
		}
		at += n
	}
	if r.Closed != nil && len(over) > 0 {
		if err := r.Closed(ctx, q, over); err != nil {
			return err
		}
	}
	return r.saveSums(ctx, q, sums)
}

func (r *Room) atOnce(n int) int {
	if r.DB.Engine() == db.SQLite {
		n = min(n, mostAtOnceSQLite)
	}
	for _, size := range rowsAtOnce {
		if size <= n {
			return size
		}
	}
	return 1
}

// saveSome writes records with one statement and returns which of them were not closed before.
func saveSome(ctx context.Context, q db.Q, records []Record) (map[key]bool, error) {
	args := make([]any, 0, len(records)*columnCount)
	for i := range records {
		args = records[i].appendTo(args)
	}
	if len(records) == 1 {
		return saveOne(ctx, q, records[0], args)
	}
	rows, err := q.QueryContext(ctx, saveTexts[len(records)]+` RETURNING account_id, id`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	written := make(map[key]bool, len(records))
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.accountID, &k.id); err != nil {
			return nil, err
		}
		written[k] = true
	}
	return written, rows.Err()
}

// saveOne is saveSome for one record.
func saveOne(ctx context.Context, q db.Q, c Record, args []any) (map[key]bool, error) {
	result, err := q.ExecContext(ctx, saveTexts[1], args...)
	if err != nil {
		return nil, err
	}
	n, err := result.RowsAffected()
	return map[key]bool{{c.AccountID, c.ID}: n > 0}, err
}

const columnCount = 28

func (c *Record) appendTo(args []any) []any {
	hidden := 0
	if c.Hidden {
		hidden = 1
	}
	return append(args, c.AccountID, c.ID, c.Direction, c.Status, c.FromNumber, c.FromName, c.FromUserID, c.ToNumber, c.ToName, c.ToUserID, hidden,
		c.ServiceNumber, c.ServiceName, c.AnsweringPoint, c.AnsweredByID, c.Carrier, c.StartedAt, c.AnsweredAt, c.EndedAt, c.RingMS, c.TalkMS,
		c.Cause, c.EndedBy, c.SIPStatus, c.Node, c.Peer(), c.stepsText(), c.search())
}

// saveTexts are the statements for each of rowsAtOnce.
var saveTexts = func() map[int]string {
	texts := map[int]string{}
	for _, n := range rowsAtOnce {
		texts[n] = `
		INSERT INTO calls (` + columns + `, peer, steps, search) VALUES ` + values(n, columnCount) + `
		ON CONFLICT (account_id, id) DO UPDATE SET direction = excluded.direction, status = excluded.status, from_number = excluded.from_number,
			from_name = excluded.from_name, from_user_id = excluded.from_user_id, to_number = excluded.to_number, to_name = excluded.to_name,
			to_user_id = excluded.to_user_id, hidden = excluded.hidden, service_number = excluded.service_number, service_name = excluded.service_name,
			answering_point = excluded.answering_point, answered_by_id = excluded.answered_by_id, carrier = excluded.carrier,
			answered_at = excluded.answered_at, ended_at = excluded.ended_at, ring_ms = excluded.ring_ms, talk_ms = excluded.talk_ms,
			cause = excluded.cause, ended_by = excluded.ended_by, sip_status = excluded.sip_status, peer = excluded.peer, steps = excluded.steps,
			search = excluded.search
		WHERE calls.ended_at = 0`
	}
	return texts
}()

// values writes the parameters of several rows: "($1,$2),($3,$4)".
func values(rows, columns int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "(%s)", db.In(1+i*columns, columns))
	}
	return b.String()
}
