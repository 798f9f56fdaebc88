-- +goose Up

-- A new address that a person asked for and has not confirmed yet. One for each person: the newest.
CREATE TABLE email_changes (
    person_id  TEXT PRIMARY KEY,
    email      TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- An address that a person had before, with the link by which its mailbox can take the change back.
CREATE TABLE email_undos (
    person_id  TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    email      TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, changed_at)
);
CREATE INDEX email_undos_expiry ON email_undos (expires_at);

-- +goose Down
DROP TABLE email_undos;
DROP TABLE email_changes;
