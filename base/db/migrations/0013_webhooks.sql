-- +goose Up

-- A webhook is an address of a customer's that is told what happens in the account. events are the types it wants, with spaces between.
-- secret and old_secret are sealed; the old one signs along until old_until. paused_why is 'person', 'gone' or 'failing', '' while it works.
CREATE TABLE webhooks (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    url         TEXT NOT NULL,
    description TEXT NOT NULL,
    events      TEXT NOT NULL,
    secret      TEXT NOT NULL,
    old_secret  TEXT NOT NULL,
    old_until   BIGINT NOT NULL,
    paused_at   BIGINT NOT NULL,
    paused_why  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- How sending to a webhook goes, apart from it as it changes with what is sent. lease names the process that sends until lease_until;
-- after a failure nothing is sent before rest_until. failing_since is the first failure since something was delivered, failures counts them.
CREATE TABLE webhook_lanes (
    account_id    TEXT NOT NULL,
    webhook_id    TEXT NOT NULL,
    lease         TEXT NOT NULL,
    lease_until   BIGINT NOT NULL,
    rest_until    BIGINT NOT NULL,
    failing_since BIGINT NOT NULL,
    failures      BIGINT NOT NULL,
    warned_at     BIGINT NOT NULL,
    PRIMARY KEY (account_id, webhook_id)
);
CREATE INDEX webhook_lanes_turn ON webhook_lanes (lease_until);

-- How far into an account's audit log its webhooks were told of it: the leaf of the log's tree that comes next.
CREATE TABLE webhook_cursors (
    account_id TEXT PRIMARY KEY,
    next_leaf  BIGINT NOT NULL
);

-- What is sent to one webhook, and how the last try went. next_at is when it is tried next, 0 when it is not. asked_at is when a person asked
-- for it, by a test or by sending it again.
CREATE TABLE webhook_deliveries (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    webhook_id  TEXT NOT NULL,
    event       TEXT NOT NULL,
    body        TEXT NOT NULL,
    state       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    asked_at    BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    tries       BIGINT NOT NULL,
    tried_at    BIGINT NOT NULL,
    status      BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    error       TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (account_id, webhook_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (account_id, webhook_id, next_at) WHERE next_at > 0;
CREATE INDEX webhook_deliveries_asked ON webhook_deliveries (account_id, asked_at) WHERE asked_at > 0;
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);

-- One try to send a delivery: the answer's status, 0 for none, and its first bytes.
CREATE TABLE webhook_attempts (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    at          BIGINT NOT NULL,
    status      BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    error       TEXT NOT NULL,
    answer      TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX webhook_attempts_list ON webhook_attempts (account_id, delivery_id, id);
CREATE INDEX webhook_attempts_age ON webhook_attempts (at);

-- +goose Down
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_cursors;
DROP TABLE webhook_lanes;
DROP TABLE webhooks;
