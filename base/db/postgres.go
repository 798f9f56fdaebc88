package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// Together well below PostgreSQL's usual 100 connections, so that two nodes and a console fit.
	postgresWriters = 16
	postgresReaders = 24

	// Connections are renewed now and then, so that a moved or rebalanced server gets its share back.
	connLifetime = 30 * time.Minute
	connIdle     = 5 * time.Minute
)

// openPostgres opens a pool whose statements are serializable and one that reads what is committed.
func openPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	write := postgresPool(config, postgresWriters, map[string]string{"default_transaction_isolation": "serializable"})
	read := postgresPool(config, postgresReaders, map[string]string{"default_transaction_read_only": "on"})
	d := &DB{
		engine: Postgres, write: write, read: read,
		migrate: func() (*sql.DB, func() error) {
			pool := postgresPool(config, 4, nil)
			return pool, pool.Close
		},
	}
	if err := d.Ping(ctx); err != nil {
		d.Close()
		return nil, err
	}
	var encoding string
	if err := read.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		d.Close()
		return nil, err
	}
	if encoding != "UTF8" {
		d.Close()
		return nil, fmt.Errorf("the database has the encoding %s; make one with ENCODING 'UTF8'", encoding)
	}
	return d, nil
}

func postgresPool(config *pgx.ConnConfig, size int, settings map[string]string) *sql.DB {
	c := config.Copy()
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "hubline"
	}
	c.RuntimeParams["timezone"] = "UTC"
	maps.Copy(c.RuntimeParams, settings)
	pool := stdlib.OpenDB(*c)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxLifetime(connLifetime)
	pool.SetConnMaxIdleTime(connIdle)
	return pool
}

// retryablePostgres knows serialization failure and deadlock (PostgreSQL appendix A, class 40) and CockroachDB's
// request to restart. 40003, completion unknown, is not among them: the work may have been done.
func retryablePostgres(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || strings.HasPrefix(e.Message, "restart transaction"))
}

func uniquePostgres(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23505"
}

func noTablePostgres(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "42P01"
}
