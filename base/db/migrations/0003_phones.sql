-- +goose Up

ALTER TABLE accounts ADD COLUMN phone_user_limit BIGINT NOT NULL DEFAULT 10;

-- What is fixed for the whole installation at its first start, such as the SIP domain that every stored digest is bound to.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- A phone user is a seat: an extension that people dial. deleted_at of 0 means it lives; a deleted one is kept for the record.
CREATE TABLE phone_users (
    account_id      TEXT NOT NULL,
    id              TEXT NOT NULL,
    extension       TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    email           TEXT NOT NULL,
    local_prefix    TEXT NOT NULL,
    caller_id       TEXT NOT NULL,
    hide_caller_id  BIGINT NOT NULL,
    sms_number      TEXT NOT NULL,
    app_enabled     BIGINT NOT NULL,
    search          TEXT NOT NULL,
    sort_name       TEXT NOT NULL,
    sort_extension  BIGINT NOT NULL,
    details_sent_at BIGINT NOT NULL,
    delivery        TEXT NOT NULL,
    delivery_note   TEXT NOT NULL,
    made_by         TEXT NOT NULL,
    form_key        TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    deleted_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX phone_users_extension ON phone_users (account_id, extension) WHERE deleted_at = 0;
CREATE UNIQUE INDEX phone_users_form ON phone_users (account_id, made_by, form_key) WHERE form_key <> '';
CREATE INDEX phone_users_by_extension ON phone_users (account_id, sort_extension, id) WHERE deleted_at = 0;
CREATE INDEX phone_users_by_name ON phone_users (account_id, sort_name, id) WHERE deleted_at = 0;
CREATE INDEX phone_users_caller_id ON phone_users (account_id, caller_id) WHERE deleted_at = 0 AND caller_id <> '';
CREATE INDEX phone_users_sms_number ON phone_users (account_id, sms_number) WHERE deleted_at = 0 AND sms_number <> '';

-- A device is one credential of a phone user. username is unique in the installation; ha1 is sealed. ended_at of 0 means it lives.
CREATE TABLE devices (
    account_id    TEXT NOT NULL,
    phone_user_id TEXT NOT NULL,
    id            TEXT NOT NULL,
    username      TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    algorithm     TEXT NOT NULL,
    ha1           TEXT NOT NULL,
    seen_at       BIGINT NOT NULL,
    address       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX devices_phone_user ON devices (account_id, phone_user_id, ended_at);

-- A set-up link yields one device's secret once; its kind is set-up for the page that was mailed, provision for the document that an app
-- fetches, which is sealed until then. There is one live set-up link for each phone user: the newest. ended says why a link is over.
CREATE TABLE set_up_links (
    token_hash    TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    phone_user_id TEXT NOT NULL,
    kind          TEXT NOT NULL,
    device_id     TEXT NOT NULL,
    document      TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL,
    ended         TEXT NOT NULL
);
CREATE INDEX set_up_links_phone_user ON set_up_links (account_id, phone_user_id, kind);
CREATE INDEX set_up_links_expiry ON set_up_links (expires_at);

-- A location is where a device can be reached until expires_at (a binding, RFC 3261 section 10).
CREATE TABLE locations (
    account_id    TEXT NOT NULL,
    phone_user_id TEXT NOT NULL,
    device_id     TEXT NOT NULL,
    contact_key   TEXT NOT NULL,
    contact       TEXT NOT NULL,
    flow          TEXT NOT NULL,
    path          TEXT NOT NULL,
    call_id       TEXT NOT NULL,
    cseq          BIGINT NOT NULL,
    user_agent    TEXT NOT NULL,
    address       TEXT NOT NULL,
    node          TEXT NOT NULL,
    expires_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, device_id, contact_key)
);
CREATE INDEX locations_phone_user ON locations (account_id, phone_user_id, expires_at);
CREATE INDEX locations_expiry ON locations (expires_at);

-- A number is E.164 and belongs to one account of the installation. It leads to a phone user, or nowhere yet.
CREATE TABLE numbers (
    account_id    TEXT NOT NULL,
    number        TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    service_name  TEXT NOT NULL,
    phone_user_id TEXT NOT NULL,
    search        TEXT NOT NULL,
    sort_name     TEXT NOT NULL,
    assigned_at   BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    PRIMARY KEY (account_id, number)
);
CREATE INDEX numbers_by_name ON numbers (account_id, sort_name, number);
CREATE INDEX numbers_phone_user ON numbers (account_id, phone_user_id);

-- A call record. ended_at of 0 means the call goes on; node runs it. The id begins with started_at, so its order is the order of calls, and
-- ranges of time are ranges of it; the other indexes hold started_at before it, so that no planner takes the primary key for the order of
-- rows that only they find. Numbers are E.164, or what was dialled when it is none. Names are as they were at the time of the call.
-- peer is the number at the far end: who called in, or who was called.
CREATE TABLE calls (
    account_id       TEXT NOT NULL,
    id               TEXT NOT NULL,
    direction        TEXT NOT NULL,
    status           TEXT NOT NULL,
    from_number      TEXT NOT NULL,
    from_name        TEXT NOT NULL,
    from_user_id     TEXT NOT NULL,
    to_number        TEXT NOT NULL,
    to_name          TEXT NOT NULL,
    to_user_id       TEXT NOT NULL,
    peer             TEXT NOT NULL,
    hidden           BIGINT NOT NULL,
    service_number   TEXT NOT NULL,
    service_name     TEXT NOT NULL,
    answering_point  TEXT NOT NULL,
    answered_by_id   TEXT NOT NULL,
    carrier          TEXT NOT NULL,
    started_at       BIGINT NOT NULL,
    answered_at      BIGINT NOT NULL,
    ended_at         BIGINT NOT NULL,
    ring_ms          BIGINT NOT NULL,
    talk_ms          BIGINT NOT NULL,
    cause            TEXT NOT NULL,
    ended_by         TEXT NOT NULL,
    sip_status       BIGINT NOT NULL,
    steps            TEXT NOT NULL,
    search           TEXT NOT NULL,
    node             TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX calls_live ON calls (account_id, id) WHERE ended_at = 0;
CREATE INDEX calls_by_outcome ON calls (account_id, direction, status, started_at, id) WHERE ended_at > 0;
CREATE INDEX calls_by_answering_point ON calls (account_id, answering_point, started_at, id) WHERE ended_at > 0;
CREATE INDEX calls_by_service ON calls (account_id, service_number, started_at, id) WHERE ended_at > 0;
CREATE INDEX calls_by_peer ON calls (account_id, peer, started_at, id) WHERE ended_at > 0;

-- Closed calls added up by when they started, in the transaction that closes them: what charts and figures read. Each call counts for each
-- span (15 minutes, a day, 32 days, all in ms and beginning at multiples of it) in each dimension: all calls, its answering point, its
-- service number.
CREATE TABLE call_sums (
    account_id TEXT NOT NULL,
    dimension  TEXT NOT NULL,
    value      TEXT NOT NULL,
    span       BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    direction  TEXT NOT NULL,
    status     TEXT NOT NULL,
    calls      BIGINT NOT NULL,
    ring_ms    BIGINT NOT NULL,
    talk_ms    BIGINT NOT NULL,
    PRIMARY KEY (account_id, dimension, value, span, at, direction, status)
);
CREATE INDEX call_sums_by_time ON call_sums (account_id, dimension, span, at);

-- When a node that runs calls was last known to be alive, so that calls which a crash left open get an end.
CREATE TABLE call_nodes (
    node    TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

-- A ticket is a request to the provider. What the requester was allowed to do is kept as it was at that moment.
CREATE TABLE tickets (
    account_id      TEXT NOT NULL,
    id              TEXT NOT NULL,
    number          BIGINT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    description     TEXT NOT NULL,
    wanted          BIGINT NOT NULL,
    state           TEXT NOT NULL,
    requester_id    TEXT NOT NULL,
    requester_name  TEXT NOT NULL,
    requester_email TEXT NOT NULL,
    requester_roles TEXT NOT NULL,
    form_key        TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX tickets_by_update ON tickets (account_id, updated_at, id);
CREATE INDEX tickets_queue ON tickets (state, updated_at, id);
CREATE INDEX tickets_waiting ON tickets (account_id) WHERE state = 'open';
CREATE UNIQUE INDEX tickets_form ON tickets (account_id, requester_id, form_key) WHERE form_key <> '';
CREATE UNIQUE INDEX tickets_limit ON tickets (account_id) WHERE kind = 'phone-user-limit' AND state <> 'closed';

CREATE TABLE ticket_messages (
    account_id TEXT NOT NULL,
    ticket_id  TEXT NOT NULL,
    id         TEXT NOT NULL,
    at         BIGINT NOT NULL,
    staff      BIGINT NOT NULL,
    author_id  TEXT NOT NULL,
    author     TEXT NOT NULL,
    text       TEXT NOT NULL,
    form_key   TEXT NOT NULL,
    PRIMARY KEY (account_id, ticket_id, id)
);
CREATE UNIQUE INDEX ticket_messages_form ON ticket_messages (account_id, ticket_id, author_id, form_key) WHERE form_key <> '';

-- Lists of phone users that were uploaded: the dry run, what was imported and what was not.
CREATE TABLE phone_user_imports (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    state       TEXT NOT NULL,
    person_id   TEXT NOT NULL,
    person_name TEXT NOT NULL,
    lines       TEXT NOT NULL,
    send        TEXT NOT NULL,
    done        BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- +goose Down
DROP TABLE phone_user_imports;
DROP TABLE ticket_messages;
DROP TABLE tickets;
DROP TABLE call_nodes;
DROP TABLE call_sums;
DROP TABLE calls;
DROP TABLE numbers;
DROP TABLE locations;
DROP TABLE set_up_links;
DROP TABLE devices;
DROP TABLE phone_users;
DROP TABLE installation;
ALTER TABLE accounts DROP COLUMN phone_user_limit;
