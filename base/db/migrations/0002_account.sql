-- +goose Up

CREATE TABLE accounts (
    id                TEXT PRIMARY KEY,
    slug              TEXT NOT NULL UNIQUE,
    number            TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    search            TEXT NOT NULL,
    time_zone         TEXT NOT NULL,
    invitation_hours  BIGINT NOT NULL,
    check_minutes     BIGINT NOT NULL,
    daily_invitations BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL
);
CREATE INDEX accounts_by_name ON accounts (search, id);

-- A person is one verified email address. It holds credentials and knows no roles.
CREATE TABLE people (
    id          TEXT PRIMARY KEY,
    email       TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    password    TEXT,
    staff       BIGINT NOT NULL,
    theme       TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    verified_at BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX people_staff ON people (email) WHERE staff = 1;

-- A membership is what an account calls a hub user. Times of 0 mean "not yet".
CREATE TABLE memberships (
    account_id        TEXT NOT NULL,
    id                TEXT NOT NULL,
    person_id         TEXT NOT NULL,
    email             TEXT NOT NULL,
    name              TEXT NOT NULL,
    search            TEXT NOT NULL,
    roles             TEXT NOT NULL,
    state             TEXT NOT NULL,
    invitation_id     TEXT,
    invited_at        BIGINT NOT NULL,
    accepted_at       BIGINT NOT NULL,
    last_signed_in_at BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX memberships_live ON memberships (account_id, person_id) WHERE state <> 'removed';
CREATE UNIQUE INDEX memberships_invitation ON memberships (account_id, invitation_id) WHERE invitation_id IS NOT NULL;
CREATE INDEX memberships_person ON memberships (person_id, account_id, state, roles);
CREATE INDEX memberships_email ON memberships (account_id, email);
CREATE INDEX memberships_state ON memberships (account_id, state, roles);
CREATE INDEX memberships_by_name ON memberships (account_id, search, id);
CREATE INDEX memberships_by_sent ON memberships (account_id, invited_at, id);
CREATE INDEX memberships_by_accepted ON memberships (account_id, accepted_at, id);
CREATE INDEX memberships_by_seen ON memberships (account_id, last_signed_in_at, id);

CREATE TABLE invitations (
    account_id     TEXT NOT NULL,
    id             TEXT NOT NULL,
    email          TEXT NOT NULL,
    name           TEXT NOT NULL,
    search         TEXT NOT NULL,
    roles          TEXT NOT NULL,
    message        TEXT NOT NULL,
    state          TEXT NOT NULL,
    token_hash     TEXT,
    generation     BIGINT NOT NULL,
    resends        BIGINT NOT NULL,
    delivery       TEXT NOT NULL,
    delivery_note  TEXT NOT NULL,
    inviter_kind   TEXT NOT NULL,
    inviter_id     TEXT NOT NULL,
    inviter_name   TEXT NOT NULL,
    inviter_email  TEXT NOT NULL,
    form_key       TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    sent_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    ended_at       BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash) WHERE token_hash IS NOT NULL;
CREATE UNIQUE INDEX invitations_pending ON invitations (account_id, email) WHERE state = 'pending';
CREATE INDEX invitations_recipient ON invitations (email, created_at);
CREATE INDEX invitations_created ON invitations (account_id, created_at);
CREATE INDEX invitations_state ON invitations (account_id, state, expires_at, delivery);
CREATE INDEX invitations_inviter ON invitations (account_id, inviter_id, state);
CREATE INDEX invitations_by_name ON invitations (account_id, search, id);
CREATE INDEX invitations_by_sent ON invitations (account_id, sent_at, id);

-- What became of links that no longer work, so that their page can say it. Nothing is ever accepted by this table.
CREATE TABLE dead_links (
    token_hash    TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    invitation_id TEXT NOT NULL,
    reason        TEXT NOT NULL,
    ended_at      BIGINT NOT NULL
);
CREATE INDEX dead_links_ended ON dead_links (ended_at);

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    person_id  TEXT NOT NULL,
    epoch      BIGINT NOT NULL,
    device_id  TEXT NOT NULL,
    address    TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    check_used BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Browsers that a person has signed in from; a known one is not slowed by other people's wrong guesses.
CREATE TABLE known_devices (
    person_id  TEXT NOT NULL,
    id         TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (person_id, id)
);
CREATE UNIQUE INDEX known_devices_token ON known_devices (person_id, token_hash);

CREATE TABLE step_up_codes (
    session_id TEXT PRIMARY KEY,
    person_id  TEXT NOT NULL,
    action     TEXT NOT NULL,
    code_mac   TEXT NOT NULL,
    tries      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE password_links (
    person_id  TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE throttles (
    key        TEXT PRIMARY KEY,
    failures   BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX throttles_changed ON throttles (changed_at);

CREATE TABLE api_keys (
    account_id    TEXT NOT NULL,
    id            TEXT NOT NULL,
    membership_id TEXT NOT NULL,
    name          TEXT NOT NULL,
    token_hash    TEXT UNIQUE,
    scopes        TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    last_used_at  BIGINT NOT NULL,
    revoked_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- The id begins with the time, so that its order is the order of events.
CREATE TABLE audit_entries (
    account_id   TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           BIGINT NOT NULL,
    actor_kind   TEXT NOT NULL,
    actor_id     TEXT NOT NULL,
    actor_name   TEXT NOT NULL,
    address      TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    before       TEXT NOT NULL,
    after        TEXT NOT NULL,
    search       TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX audit_entries_actor ON audit_entries (account_id, actor_id, id);
CREATE INDEX audit_entries_subject ON audit_entries (account_id, subject_id, id);
CREATE INDEX audit_entries_action ON audit_entries (account_id, action, id);

-- +goose Down
DROP TABLE audit_entries;
DROP TABLE api_keys;
DROP TABLE throttles;
DROP TABLE password_links;
DROP TABLE step_up_codes;
DROP TABLE known_devices;
DROP TABLE sessions;
DROP TABLE dead_links;
DROP TABLE invitations;
DROP TABLE memberships;
DROP TABLE people;
DROP TABLE accounts;
