-- +goose Up

-- The directory that an account lets bring its people and groups (SCIM 2.0, docs/decisions/0020-scim.md). One for each account; without
-- a token it is off. id changes whenever it is turned on: offers of an earlier time do not come back with it.
CREATE TABLE directory_syncs (
    account_id   TEXT PRIMARY KEY,
    id           TEXT NOT NULL,
    token_hash   TEXT UNIQUE,
    domains      TEXT NOT NULL,
    roles        TEXT NOT NULL,
    token_at     BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    version      BIGINT NOT NULL
);

-- Whom the directory brought, as the directory calls them. membership_id is '' until they accepted. stopped is 1 while the directory
-- itself keeps them out, so that it can take that back, and nothing else.
CREATE TABLE directory_people (
    account_id    TEXT NOT NULL,
    id            TEXT NOT NULL,
    user_name     TEXT NOT NULL,
    user_key      TEXT NOT NULL,
    external_id   TEXT NOT NULL,
    display_name  TEXT NOT NULL,
    display_key   TEXT NOT NULL,
    formatted     TEXT NOT NULL,
    given_name    TEXT NOT NULL,
    family_name   TEXT NOT NULL,
    email         TEXT NOT NULL,
    email_given   BIGINT NOT NULL, -- 0: the user name is the address
    stopped       BIGINT NOT NULL,
    invitation_id TEXT NOT NULL,
    membership_id TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX directory_people_by_user ON directory_people (account_id, user_key);
CREATE UNIQUE INDEX directory_people_by_email ON directory_people (account_id, email);
CREATE UNIQUE INDEX directory_people_by_membership ON directory_people (account_id, membership_id) WHERE membership_id <> '';
CREATE INDEX directory_people_by_external ON directory_people (account_id, external_id);
CREATE INDEX directory_people_by_time ON directory_people (account_id, created_at, id);

-- Whom the directory put into a group, those who have not accepted yet too.
CREATE TABLE directory_members (
    account_id TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    user_id    TEXT NOT NULL, -- of directory_people
    PRIMARY KEY (account_id, group_id, user_id)
);
CREATE INDEX directory_members_of ON directory_members (account_id, user_id, group_id);

-- What the directory is to a group: '' nothing, 'manages' it decides who is in it, 'made' the same and it came from there.
ALTER TABLE people_groups ADD COLUMN directory TEXT NOT NULL DEFAULT '';
ALTER TABLE people_groups ADD COLUMN external_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE people_groups DROP COLUMN external_id;
ALTER TABLE people_groups DROP COLUMN directory;
DROP TABLE directory_members;
DROP TABLE directory_people;
DROP TABLE directory_syncs;
