-- +goose Up

-- Where an account stands: active, suspended, closing (until close_at) or closed. state_note says why, for the provider and the account's
-- admins. Of a closed account whose data is deleted only this row is left, with the moment in erased_at.
ALTER TABLE accounts ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE accounts ADD COLUMN state_note TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN state_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN close_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN erased_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX accounts_leaving ON accounts (close_at) WHERE close_at > 0 AND erased_at = 0;

-- A visit is one staff person's way into an account: asked for, allowed or refused by an admin, over at until_at or when either side ends it.
-- Names are kept as they were.
CREATE TABLE visits (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    staff_id    TEXT NOT NULL,
    staff_name  TEXT NOT NULL,
    reason      TEXT NOT NULL,
    ticket      BIGINT NOT NULL,
    minutes     BIGINT NOT NULL,
    may_change  BIGINT NOT NULL,
    state       TEXT NOT NULL,
    asked_at    BIGINT NOT NULL,
    answered_at BIGINT NOT NULL,
    answered_by TEXT NOT NULL,
    until_at    BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    ended_by    TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX visits_open ON visits (account_id, staff_id) WHERE state IN ('asked', 'allowed');
CREATE INDEX visits_state ON visits (account_id, state, until_at);
CREATE INDEX visits_staff ON visits (staff_id, asked_at);

-- What an admin allowed ahead of time, for whoever of the staff asks until then. One for each account.
CREATE TABLE visit_grants (
    account_id TEXT PRIMARY KEY,
    until_at   BIGINT NOT NULL,
    may_change BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    granted_by TEXT NOT NULL
);

-- A support PIN proves to staff on the telephone who calls. One for each hub user; code_mac keeps the digits from whoever reads the store.
CREATE TABLE support_pins (
    account_id    TEXT NOT NULL,
    membership_id TEXT NOT NULL,
    code_mac      TEXT NOT NULL UNIQUE,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, membership_id)
);
CREATE INDEX support_pins_expiry ON support_pins (expires_at);

-- +goose Down

DROP TABLE support_pins;
DROP TABLE visit_grants;
DROP TABLE visits;
DROP INDEX accounts_leaving;
ALTER TABLE accounts DROP COLUMN erased_at;
ALTER TABLE accounts DROP COLUMN close_at;
ALTER TABLE accounts DROP COLUMN state_at;
ALTER TABLE accounts DROP COLUMN state_note;
ALTER TABLE accounts DROP COLUMN state;
