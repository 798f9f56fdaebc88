package call

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
)

// Interrupted is the cause of calls that were going on when their node stopped without a word.
const Interrupted = "interrupted"

const abandonedAtOnce = 200

// CloseAbandoned closes what a crash of the node left open; call it before the node takes its first call. Calls that were answered stay
// answered and end when the node was last known to be alive; the others were not reached.
func (r *Room) CloseAbandoned(ctx context.Context, node string) (err error) {
	defer fault.Wrap(&err, "call.CloseAbandoned(%s)", node)
	for more := true; more && err == nil; {
		err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) (err error) {
			more, err = r.closeSome(ctx, q, node)
			return err
		})
	}
	return err
}

func (r *Room) closeSome(ctx context.Context, q db.Q, node string) (more bool, err error) {
	var alive int64
	err = q.QueryRowContext(ctx, `SELECT seen_at FROM call_nodes WHERE node = $1`, node).Scan(&alive)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	rows, err := q.QueryContext(ctx, `SELECT `+columns+`, steps FROM calls WHERE ended_at = 0 AND node = $1 ORDER BY account_id, id LIMIT $2`, node, abandonedAtOnce)
	if err != nil {
		return false, err
	}
	list, err := scanWhole(rows)
	if err != nil || len(list) == 0 {
		return false, err
	}
	var topics []string
	for i := range list {
		list[i].abandon(min(alive, r.Now().UnixMilli()))
		if topic := account.PhoneTopic(list[i].AccountID); i == 0 || topics[len(topics)-1] != topic {
			topics = append(topics, topic)
		}
	}
	if err := r.save(ctx, q, list); err != nil {
		return false, err
	}
	return len(list) == abandonedAtOnce, change.Post(ctx, q, r.Now(), topics...)
}

// abandon closes a record as of the last moment its node was known to be alive.
func (c *Record) abandon(alive int64) {
	c.EndedAt = max(c.StartedAt, c.AnsweredAt, alive)
	c.Cause, c.EndedBy = Interrupted, "system"
	if c.AnsweredAt > 0 {
		c.Status, c.TalkMS = Answered, c.EndedAt-c.AnsweredAt
	} else {
		c.Status, c.RingMS = Unavailable, c.EndedAt-c.StartedAt
	}
	c.Steps = append(c.Steps, Step{At: c.EndedAt, Kind: Interrupted})
}

func scanWhole(rows *sql.Rows) (list []Record, err error) {
	defer rows.Close()
	for rows.Next() {
		var c Record
		var steps string
		if err := rows.Scan(append(c.fields(), &steps)...); err != nil {
			return nil, err
		}
		if steps != "" {
			if err := json.Unmarshal([]byte(steps), &c.Steps); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
