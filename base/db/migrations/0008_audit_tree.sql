-- +goose Up

-- Each account's audit log is a tree of hashes; '' is the provider's own log. Here is what waits for its place in the tree: an entry is
-- put here by the transaction that writes it and taken from here by the one that gives it its place.
CREATE TABLE audit_loose (
    account_id TEXT NOT NULL,
    entry_id   TEXT NOT NULL,
    PRIMARY KEY (account_id, entry_id)
);
INSERT INTO audit_loose (account_id, entry_id) SELECT account_id, id FROM audit_entries;

-- A leaf stays for ever; entry_id is '' once the entry's text was dropped by the account's rule.
CREATE TABLE audit_leaves (
    account_id TEXT NOT NULL,
    leaf       BIGINT NOT NULL,
    entry_id   TEXT NOT NULL,
    hash       TEXT NOT NULL,
    PRIMARY KEY (account_id, leaf)
);
CREATE UNIQUE INDEX audit_leaves_entry ON audit_leaves (account_id, entry_id) WHERE entry_id <> '';

-- trimmed leaves have lost their text, or will: the log says so. dropped is how far that has got.
CREATE TABLE audit_trees (
    account_id TEXT PRIMARY KEY,
    origin     TEXT NOT NULL,
    size       BIGINT NOT NULL,
    peaks      TEXT NOT NULL,
    trimmed    BIGINT NOT NULL,
    dropped    BIGINT NOT NULL
);

CREATE TABLE audit_checkpoints (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    at         BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    note       TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX audit_checkpoints_size ON audit_checkpoints (account_id, size, id);
CREATE INDEX audit_checkpoints_order ON audit_checkpoints (id);

-- How many years the text of entries is kept; 0 is for ever.
ALTER TABLE accounts ADD COLUMN audit_years BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE accounts DROP COLUMN audit_years;
DROP TABLE audit_checkpoints;
DROP TABLE audit_trees;
DROP TABLE audit_leaves;
DROP TABLE audit_loose;
