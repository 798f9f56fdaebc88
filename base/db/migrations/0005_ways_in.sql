-- +goose Up

-- What an account asks of those who sign in to it.
ALTER TABLE accounts ADD COLUMN second_factor TEXT NOT NULL DEFAULT 'nobody';
ALTER TABLE accounts ADD COLUMN sign_in_methods TEXT NOT NULL DEFAULT 'password,passkey,provider';
ALTER TABLE accounts ADD COLUMN session_hours BIGINT NOT NULL DEFAULT 720;
ALTER TABLE accounts ADD COLUMN remember_devices BIGINT NOT NULL DEFAULT 1;

-- The ways in that a person has beside the password, as a list of words, so that no request has to look for them.
ALTER TABLE people ADD COLUMN ways TEXT NOT NULL DEFAULT '';

-- proofs are the methods that the session rests on, each with its time: "password:1795305600000,totp:1795305612345". checked_by is the
-- method of the last step-up check.
ALTER TABLE sessions ADD COLUMN proofs TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN checked_by TEXT NOT NULL DEFAULT '';
UPDATE sessions SET proofs = 'password:' || CAST(created_at AS TEXT);
UPDATE sessions SET checked_by = 'email-code' WHERE checked_at > 0;

-- Until when a browser's owner need not show their second factor again; 0 is never.
ALTER TABLE known_devices ADD COLUMN second_until BIGINT NOT NULL DEFAULT 0;

-- Authenticator apps (RFC 6238). secret is sealed. One with confirmed_at of 0 is being set up and proves nothing. last_step is the newest
-- time step that was accepted: no code counts twice. failures counts wrong codes in a row.
CREATE TABLE authenticators (
    person_id    TEXT NOT NULL,
    id           TEXT NOT NULL,
    secret       TEXT NOT NULL,
    last_step    BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    PRIMARY KEY (person_id, id)
);

CREATE TABLE recovery_codes (
    person_id  TEXT NOT NULL,
    code_mac   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    PRIMARY KEY (person_id, code_mac)
);

-- A passkey as WebAuthn level 3 describes it (section 4, credential record). flags is the byte of the last authenticator data.
CREATE TABLE passkeys (
    person_id     TEXT NOT NULL,
    id            TEXT NOT NULL,
    credential_id TEXT NOT NULL UNIQUE,
    public_key    TEXT NOT NULL,
    name          TEXT NOT NULL,
    model         TEXT NOT NULL,
    attestation   TEXT NOT NULL,
    transports    TEXT NOT NULL,
    flags         BIGINT NOT NULL,
    sign_count    BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL,
    PRIMARY KEY (person_id, id)
);

-- Answers to challenges and half sign-ins that were used, until they would have run out: none counts twice.
CREATE TABLE spent_challenges (
    hash       TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_challenges_expiry ON spent_challenges (expires_at);

-- A way back for somebody who lost their second factor. An admin starts it, the person completes it by the link and their password.
CREATE TABLE recovery_links (
    person_id  TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    started_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- What happened to a person's own ways in, for their security page. The id begins with the time.
CREATE TABLE person_events (
    person_id  TEXT NOT NULL,
    id         TEXT NOT NULL,
    at         BIGINT NOT NULL,
    what       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    address    TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    PRIMARY KEY (person_id, id)
);

-- +goose Down
DROP TABLE person_events;
DROP TABLE recovery_links;
DROP TABLE spent_challenges;
DROP TABLE passkeys;
DROP TABLE recovery_codes;
DROP TABLE authenticators;
ALTER TABLE known_devices DROP COLUMN second_until;
ALTER TABLE sessions DROP COLUMN checked_by;
ALTER TABLE sessions DROP COLUMN proofs;
ALTER TABLE people DROP COLUMN ways;
ALTER TABLE accounts DROP COLUMN remember_devices;
ALTER TABLE accounts DROP COLUMN session_hours;
ALTER TABLE accounts DROP COLUMN sign_in_methods;
ALTER TABLE accounts DROP COLUMN second_factor;
