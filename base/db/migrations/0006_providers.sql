-- +goose Up

-- Services that an account lets its people sign in with (OpenID Connect). client_secret is sealed; domains are the parts after the @ of
-- the addresses that the service may vouch for, separated by commas.
CREATE TABLE sign_in_providers (
    account_id    TEXT NOT NULL,
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    client_secret TEXT NOT NULL,
    domains       TEXT NOT NULL,
    enabled       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX sign_in_providers_client ON sign_in_providers (account_id, issuer, client_id);

-- Who a person is elsewhere. Issuer and subject name one person of ours, whatever address stands beside them.
CREATE TABLE linked_identities (
    person_id TEXT NOT NULL,
    id        TEXT NOT NULL,
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    provider  TEXT NOT NULL,
    email     TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    used_at   BIGINT NOT NULL,
    PRIMARY KEY (person_id, id)
);
CREATE UNIQUE INDEX linked_identities_subject ON linked_identities (issuer, subject);

-- Browsers that are at a provider right now. memory is sealed: what has to be remembered until they come back, once.
CREATE TABLE provider_attempts (
    state_hash TEXT PRIMARY KEY,
    memory     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX provider_attempts_expiry ON provider_attempts (expires_at);

-- The one account that a session may enter, because it rests on that account's own provider; empty for all others.
ALTER TABLE sessions ADD COLUMN confined_to TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE sessions DROP COLUMN confined_to;
DROP TABLE provider_attempts;
DROP TABLE linked_identities;
DROP TABLE sign_in_providers;
