-- +goose Up

-- A job's args are sealed. run_at is when anybody may take it: when it is due, or, while a worker holds it, when that
-- worker's lease ends. lease is the token of the claim in force, empty when nobody holds it. dead_at of 0 means alive.
CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    args       TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    run_at     BIGINT NOT NULL,
    lease      TEXT NOT NULL,
    error      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    tried_at   BIGINT NOT NULL,
    dead_at    BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (kind, run_at) WHERE dead_at = 0;
CREATE INDEX jobs_dead ON jobs (dead_at, id) WHERE dead_at > 0;

-- Periodic work, one row for each kind; run_at and lease as in jobs.
CREATE TABLE job_schedule (
    kind   TEXT PRIMARY KEY,
    run_at BIGINT NOT NULL,
    lease  TEXT NOT NULL
);

-- What other nodes must notice, written in the transaction that changes it.
CREATE TABLE changes (
    id    TEXT PRIMARY KEY,
    at    BIGINT NOT NULL,
    topic TEXT NOT NULL
);
CREATE INDEX changes_at ON changes (at);

-- The first answer to a request, repeated when the same key comes again in the same scope.
CREATE TABLE idempotency_keys (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status       BIGINT NOT NULL,
    header       TEXT NOT NULL,
    body         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- +goose Down

DROP TABLE idempotency_keys;
DROP TABLE changes;
DROP TABLE job_schedule;
DROP TABLE jobs;
