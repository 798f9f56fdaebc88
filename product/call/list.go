package call

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/tel"
	"hubline/product/account"
)

// Filter chooses calls that have ended, newest first. The zero value chooses all. Limit 0 means 50; at most 500.
type Filter struct {
	Since, Until   time.Time // when calls started; Until is exclusive
	Direction      Direction
	Status         Status
	AnsweringPoint string // exactly as named
	Number         string // whole, in any form: at the far end, or the account's own
	Search         string // a part of a name, or of a number in any form
	Oldest         bool   // oldest first
	After          string // cursor
	Limit          int
}

// Page is what List found.
type Page struct {
	Calls []Record // without their steps
	Next  string   // cursor of the next page, "" at the end
	// SearchedTo is how far a search got that no index could help, in Unix ms: there may be more beyond it, which Next goes on to look
	// for. 0 when the page is full, or everything was searched.
	SearchedTo int64
}

// List returns a page of the account's calls that have ended. However many calls there are, it takes no longer than the room's Patience
// and a little: a search for what is rare ends early and says how far it got.
func (r *Room) List(ctx context.Context, actor account.Actor, f Filter) (page Page, err error) {
	defer fault.Wrap(&err, "call.List")
	if err := actor.Require(account.ViewCalls); err != nil {
		return page, err
	}
	f.Limit = listing.PageSize(f.Limit)
	mark := f.mark(actor.Account.ID)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return page, err
	}
	s, err := r.search(actor.Account.ID, f)
	if err != nil {
		return page, err
	}
	var last string
	page.Calls, last, page.SearchedTo, err = s.page(ctx, at.ID, f.Limit, r.Patience)
	if last != "" {
		page.Next = listing.Write(r.Keys, mark, listing.Cursor{ID: last})
	}
	return page, err
}

// mark names the list that a cursor belongs to: cursors are places in time, so filters may change between pages.
func (f Filter) mark(accountID string) string { return fmt.Sprintf("calls %s %t", accountID, f.Oldest) }

// Each calls fn with every call that the filter chooses, in its order, without holding more than a thousand.
func (r *Room) Each(ctx context.Context, actor account.Actor, f Filter, fn func(Record) error) (err error) {
	defer fault.Wrap(&err, "call.Each")
	if err := actor.Require(account.ViewCalls); err != nil {
		return err
	}
	s, err := r.search(actor.Account.ID, f)
	if err != nil {
		return err
	}
	for at := ""; ; {
		list, last, _, err := s.page(ctx, at, eachPage, r.Patience)
		if err != nil {
			return err
		}
		for _, c := range list {
			if err := fn(c); err != nil {
				return err
			}
		}
		if at = last; last == "" {
			return nil
		}
	}
}

const eachPage = 1000

// search is a filter on its way into SQL: what an index finds, and what each row that it found must be.
type search struct {
	d         *db.DB
	accountID string
	from, to  string // IDs, from inclusive
	oldest    bool
	keys      []indexKey // alternatives, each with a way of its own through an index
	rest      []condition
}

// indexKey is the beginning of an index of calls. The empty one is the primary key.
type indexKey struct {
	columns []string
	values  []string
	but     condition // leaves out what another key finds too
}

// condition is a piece of SQL with %s for each parameter.
type condition struct {
	text string
	args []any
}

func (r *Room) search(accountID string, f Filter) (search, error) {
	s := search{d: r.DB, accountID: accountID, from: idFrom(0), to: idFrom(endOfTime), oldest: f.Oldest}
	if !f.Since.IsZero() {
		s.from = idFrom(f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		s.to = idFrom(f.Until.UnixMilli())
	}
	if err := f.check(); err != nil {
		return s, err
	}
	number, text := r.number(f.Number), f.Search
	if e164, ok := r.Plan.Parse(text); ok && number == "" {
		number, text = e164, ""
	}
	rest := func(is bool, text string, args ...any) {
		if is {
			s.rest = append(s.rest, condition{text, args})
		}
	}
	switch {
	case strings.HasPrefix(number, "+"):
		s.keys = []indexKey{{[]string{"peer"}, []string{number}, condition{}},
			{[]string{"service_number"}, []string{number}, condition{"peer <> %s", []any{number}}}}
	case f.AnsweringPoint != "":
		s.keys = []indexKey{{columns: []string{"answering_point"}, values: []string{f.AnsweringPoint}}}
	case f.Direction != "" || f.Status != "" || number != "":
		s.keys = f.outcomes(number)
	default:
		s.keys = []indexKey{{}}
	}
	by := func(column string) bool { return slices.Contains(s.keys[0].columns, column) }
	rest(number != "" && !by("peer"), "(c.from_number = %s OR c.to_number = %s)", number, number)
	rest(f.AnsweringPoint != "" && !by("answering_point"), "c.answering_point = %s", f.AnsweringPoint)
	rest(f.Direction != "" && !by("direction"), "c.direction = %s", f.Direction)
	rest(f.Status != "" && !by("direction"), "c.status = %s", f.Status)
	if patterns := r.patterns(text); len(patterns) > 0 {
		rest(true, "("+strings.TrimSuffix(strings.Repeat(`c.search LIKE %s ESCAPE '\' OR `, len(patterns)), " OR ")+")", patterns...)
	}
	return s, nil
}

func (f Filter) check() error {
	var direction, status *fault.Fault
	if f.Direction != "" && !slices.Contains(Directions, f.Direction) {
		direction = fault.Field("direction-unknown", "direction", "Choose inbound, outbound or internal, or leave it empty for all")
	}
	if f.Status != "" && !slices.Contains(Statuses, f.Status) {
		status = fault.Field("call-status-unknown", "status", "Choose answered, unanswered, cancelled, busy or unavailable, or leave it empty for all")
	}
	return fault.All(direction, status)
}

// number reads a whole number as records hold it. What is none is taken as it was dialled.
func (r *Room) number(typed string) string {
	if e164, ok := r.Plan.Parse(typed); ok {
		return e164
	}
	if digits, ok := tel.Typed(typed); ok {
		return digits
	}
	return strings.TrimSpace(typed)
}

// outcomes are the keys of the index by direction and status. Without E.164 a number is an extension, which only internal calls have.
func (f Filter) outcomes(number string) (keys []indexKey) {
	for _, direction := range Directions {
		if f.Direction != "" && f.Direction != direction || f.Direction == "" && number != "" && direction != Internal {
			continue
		}
		for _, status := range Statuses {
			if f.Status == "" || f.Status == status {
				keys = append(keys, indexKey{columns: []string{"direction", "status"}, values: []string{string(direction), string(status)}})
			}
		}
	}
	return keys
}

// patterns are what a search's text may look like in a record.
func (r *Room) patterns(text string) (patterns []any) {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	patterns = append(patterns, listing.Contains(text))
	if digits, ok := tel.Typed(text); ok {
		if digits != text {
			patterns = append(patterns, listing.Contains(digits))
		}
		if begin := r.Plan.Begin(digits); begin != "" {
			patterns = append(patterns, listing.Contains(begin))
		}
	}
	return patterns
}

// idFrom is the least ID of a call that started at the time or later.
func idFrom(ms int64) string { return fmt.Sprintf("%016x", uint64(max(0, ms))<<16) }

// endOfTime is as far as the 48 bits of an ID go.
const endOfTime = 1<<48 - 1

// timeOf is when the call of an ID started, in Unix ms; 0 for what is no ID.
func timeOf(id string) int64 {
	if len(id) < 16 {
		return 0
	}
	n, err := strconv.ParseUint(id[:16], 16, 64)
	if err != nil {
		return 0
	}
	return int64(n >> 16)
}

const (
	firstChunk = 1000 // rows that are looked at before the clock is
	mostChunk  = 2000
)

// page returns up to limit calls beyond the ID at, the ID to go on from if there may be more, and how far it searched if it stopped for
// lack of patience.
func (s search) page(ctx context.Context, at string, limit int, patience time.Duration) (list []Record, last string, searchedTo int64, err error) {
	if s.oldest && at != "" {
		s.from = at + "!" // the least text beyond it
	} else if at != "" {
		s.to = min(s.to, at)
	}
	if len(s.rest) == 0 {
		if list, err = s.read(ctx, limit+1, limit+1); err == nil && len(list) > limit {
			list = list[:limit]
			last = list[limit-1].ID
		}
		return list, last, 0, err
	}
	deadline := time.Now().Add(patience)
	for chunk := firstChunk; ; chunk = min(2*chunk, mostChunk) {
		more, err := s.read(ctx, chunk, limit+1-len(list))
		if err != nil {
			return nil, "", 0, err
		}
		if list = append(list, more...); len(list) > limit {
			return list[:limit], list[limit-1].ID, 0, nil
		}
		end, full, err := s.end(ctx, chunk)
		if err != nil || !full {
			return list, "", 0, err
		}
		if time.Now().After(deadline) {
			return list, end, timeOf(end), nil
		}
		if s.oldest {
			s.from = end + "!"
		} else {
			s.to = end
		}
	}
}

// read returns up to limit calls of the first chunk that the keys find. CROSS JOIN keeps SQLite from looking for keys for each call.
func (s search) read(ctx context.Context, chunk, limit int) (list []Record, err error) {
	b := &builder{}
	found := s.found(b, chunk)
	where := ""
	for _, c := range s.rest {
		where += " AND " + b.condition(c)
	}
	rows, err := s.d.QueryContext(ctx, `
		SELECT `+prefixed+` FROM (`+found+`) AS k CROSS JOIN calls c WHERE c.account_id = `+b.arg(s.accountID)+` AND c.id = k.id`+where+`
		ORDER BY c.id`+s.order()+fmt.Sprintf(" LIMIT %d", limit), b.args...)
	if err != nil {
		return nil, err
	}
	return scan(rows)
}

// end returns the last ID of the first chunk that the keys find, and whether there was a whole chunk.
func (s search) end(ctx context.Context, chunk int) (id string, full bool, err error) {
	b := &builder{}
	last := "MIN"
	if s.oldest {
		last = "MAX"
	}
	var n int
	err = s.d.QueryRowContext(ctx, `SELECT COALESCE(`+last+`(id), ''), COUNT(*) FROM (`+s.found(b, chunk)+`) AS k`, b.args...).Scan(&id, &n)
	return id, n == chunk, err
}

// found is the SQL for the IDs of the first n calls that the keys find. Rows of a key are ordered by started_at and ID, which is the order of
// IDs, but one that the primary key does not have: so PostgreSQL never walks through all calls in the hope of meeting those of a key soon.
func (s search) found(b *builder, n int) string {
	limit := fmt.Sprintf(" LIMIT %d", n) // a planner that does not know it expects far too many
	arms := make([]string, len(s.keys))
	for i, k := range s.keys {
		arms[i] = `SELECT id FROM calls WHERE account_id = ` + b.arg(s.accountID) + ` AND ended_at > 0 AND id >= ` + b.arg(s.from) + ` AND id < ` + b.arg(s.to)
		for j, column := range k.columns {
			arms[i] += ` AND ` + column + ` = ` + b.arg(k.values[j])
		}
		if k.but.text != "" {
			arms[i] += " AND " + b.condition(k.but)
		}
		by := ` ORDER BY id` + s.order()
		if len(k.columns) > 0 {
			arms[i] += ` AND started_at >= ` + b.arg(timeOf(s.from)) + ` AND started_at <= ` + b.arg(timeOf(s.to))
			by = ` ORDER BY started_at` + s.order() + `, id` + s.order()
		}
		arms[i] += by + limit
	}
	if len(arms) == 1 {
		return arms[0]
	}
	return `SELECT id FROM (SELECT id FROM (` + strings.Join(arms, `) AS a UNION ALL SELECT id FROM (`) + `) AS a) AS b ORDER BY id` + s.order() + limit
}

func (s search) order() string {
	if s.oldest {
		return " ASC"
	}
	return " DESC"
}

// builder collects the parameters of a query.
type builder struct{ args []any }

func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return fmt.Sprintf("$%d", len(b.args))
}

func (b *builder) condition(c condition) string {
	places := make([]any, len(c.args))
	for i, v := range c.args {
		places[i] = b.arg(v)
	}
	return fmt.Sprintf(c.text, places...)
}

// prefixed is columns of the table c.
var prefixed = "c." + strings.Join(strings.Fields(columns), " c.")

func scan(rows *sql.Rows) (list []Record, err error) {
	defer rows.Close()
	for rows.Next() {
		var c Record
		if err := rows.Scan(c.fields()...); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// ByID returns a call of the account with its steps, also while it goes on.
func (r *Room) ByID(ctx context.Context, actor account.Actor, id string) (c Record, err error) {
	defer fault.Wrap(&err, "call.ByID")
	if err := actor.Require(account.ViewCalls); err != nil {
		return c, err
	}
	return r.byID(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) byID(ctx context.Context, q db.Q, accountID, id string) (c Record, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+columns+`, steps FROM calls WHERE account_id = $1 AND id = $2`, accountID, id)
	if err != nil {
		return c, err
	}
	list, err := scanWhole(rows)
	if err == nil && len(list) == 0 {
		err = notFound()
	}
	if err != nil {
		return c, err
	}
	return list[0], nil
}

const liveMost = 500

// Live lists the account's calls that go on, newest first, at most 500.
func (r *Room) Live(ctx context.Context, actor account.Actor) (list []Record, err error) {
	defer fault.Wrap(&err, "call.Live")
	if err := actor.Require(account.ViewCalls); err != nil {
		return nil, err
	}
	rows, err := r.DB.QueryContext(ctx, `
		SELECT `+columns+` FROM calls WHERE account_id = $1 AND ended_at = 0 ORDER BY id DESC LIMIT $2`, actor.Account.ID, liveMost)
	if err != nil {
		return nil, err
	}
	return scan(rows)
}
