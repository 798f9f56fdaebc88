package db

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
)

// maxCached is how many prepared statements one SQLite connection keeps: more than the program has texts that run often.
const maxCached = 200

// cachingConnector makes connections that keep their prepared statements, because parsing costs SQLite more than most
// statements do. pgx does the same for PostgreSQL by itself.
type cachingConnector struct {
	driver.Connector
	writes bool // its connection is the one that writes
}

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(sqliteConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the SQLite driver's connection lacks a method that the statement cache passes on")
	}
	return &cachingConn{sqliteConn: inner, writes: c.writes, byText: map[string]*list.Element{}}, nil
}

// sqliteConn is what the driver's connection can do and cachingConn passes on.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// cachingConn is used by one goroutine at a time, as database/sql promises.
type cachingConn struct {
	sqliteConn
	writes bool
	byText map[string]*list.Element // of *cachedStmt
	recent list.List                // most recently used first
}

type cachedStmt struct {
	sqliteStmt
	text string
	busy bool // its rows are still open; the text runs unprepared meanwhile
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	if c.writes {
		// The driver starts a goroutine for every statement that somebody may want to interrupt, which costs a short one more than its
		// work. What changes something is short: database/sql looks whether ctx has ended before each, and rolls back.
		ctx = context.WithoutCancel(ctx)
	}
	return s.ExecContext(ctx, args)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &cachedRows{Rows: rows, stmt: s}, nil
}

// BeginTx begins a transaction with a statement that is prepared once, as everything else is.
func (c *cachingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if !c.writes || o.ReadOnly || o.Isolation != 0 {
		return c.sqliteConn.BeginTx(ctx, o)
	}
	_, err := c.ExecContext(ctx, "BEGIN IMMEDIATE", nil)
	return cachedTx{c}, err
}

type cachedTx struct{ *cachingConn }

// Commit implements driver.Tx. A connection whose commit failed is not left inside the transaction.
func (t cachedTx) Commit() error {
	_, err := t.ExecContext(context.Background(), "COMMIT", nil)
	if err != nil {
		_ = t.Rollback() // that nothing is left to roll back is no news
	}
	return err
}

// Rollback implements driver.Tx.
func (t cachedTx) Rollback() error {
	_, err := t.ExecContext(context.Background(), "ROLLBACK", nil)
	return err
}

// statement returns the prepared statement for a text, nil when it is in use.
func (c *cachingConn) statement(ctx context.Context, query string) (*cachedStmt, error) {
	if e := c.byText[query]; e != nil {
		c.recent.MoveToFront(e)
		if s := e.Value.(*cachedStmt); !s.busy {
			return s, nil
		}
		return nil, nil
	}
	prepared, err := c.PrepareContext(ctx, unnamed(query))
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(sqliteStmt)
	if !ok {
		return nil, prepared.Close()
	}
	if err := c.makeRoom(); err != nil {
		s.Close()
		return nil, err
	}
	cached := &cachedStmt{sqliteStmt: s, text: query}
	c.byText[query] = c.recent.PushFront(cached)
	return cached, nil
}

// unnamed turns the parameters $1, $2, … of a text into plain question marks, which SQLite counts by itself, if they come in that order and
// nothing in the text could look like one without being one. The driver asks SQLite for the name of every parameter that has one, and
// SQLite looks for it in a list of all of them.
func unnamed(query string) string {
	whole := query
	if strings.ContainsAny(query, `'"?`) || strings.Contains(query, "--") || strings.Contains(query, "/*") {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, rest, found := strings.Cut(query, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if rest[:digits] != strconv.Itoa(n) {
			return whole
		}
		b.WriteByte('?')
		query = rest[digits:]
	}
}

// makeRoom closes the statement that was not used for longest when the cache is full.
func (c *cachingConn) makeRoom() error {
	if c.recent.Len() < maxCached {
		return nil
	}
	for e := c.recent.Back(); e != nil; e = e.Prev() {
		if s := e.Value.(*cachedStmt); !s.busy {
			c.recent.Remove(e)
			delete(c.byText, s.text)
			return s.Close()
		}
	}
	return nil // all have open rows; there is no harm in one more
}

func (c *cachingConn) Close() error {
	var errs []error
	for e := c.recent.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*cachedStmt).Close())
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

type cachedRows struct {
	driver.Rows
	stmt *cachedStmt
}

func (r *cachedRows) Close() error {
	r.stmt.busy = false
	return r.Rows.Close() // resets the statement
}
