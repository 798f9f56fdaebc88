-- +goose Up

-- roles is what a hub user may do and what every query asks; own_roles is what they were given directly. The rest of roles comes from
-- their groups. One function writes both (docs/decisions/0017-groups.md).
ALTER TABLE memberships ADD COLUMN own_roles TEXT NOT NULL DEFAULT '';
UPDATE memberships SET own_roles = roles;

CREATE TABLE people_groups (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    search     TEXT NOT NULL,
    roles      TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX people_groups_by_name ON people_groups (account_id, search);

CREATE TABLE group_members (
    account_id    TEXT NOT NULL,
    group_id      TEXT NOT NULL,
    membership_id TEXT NOT NULL,
    added_at      BIGINT NOT NULL,
    PRIMARY KEY (account_id, group_id, membership_id)
);
CREATE INDEX group_members_of ON group_members (account_id, membership_id, group_id);

-- A review of who may do what. It is open until everybody was decided about; an account has one open review at most.
CREATE TABLE access_reviews (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    begun_at   BIGINT NOT NULL,
    done_at    BIGINT NOT NULL,
    done_by    TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX access_reviews_open ON access_reviews (account_id) WHERE done_at = 0;

-- What was seen and decided about one hub user, kept as it was.
CREATE TABLE access_review_rows (
    account_id    TEXT NOT NULL,
    review_id     TEXT NOT NULL,
    membership_id TEXT NOT NULL,
    search        TEXT NOT NULL,
    email         TEXT NOT NULL,
    name          TEXT NOT NULL,
    state         TEXT NOT NULL,
    access        TEXT NOT NULL,
    seen_at       BIGINT NOT NULL,
    verdict       TEXT NOT NULL,
    access_after  TEXT NOT NULL,
    decided_by    TEXT NOT NULL,
    decided_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, review_id, membership_id)
);
CREATE INDEX access_review_rows_by_name ON access_review_rows (account_id, review_id, search, membership_id);

-- How often an account wants to review access, and when the next review is due.
CREATE TABLE review_policies (
    account_id  TEXT PRIMARY KEY,
    months      BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    reminded_at BIGINT NOT NULL
);
CREATE INDEX review_policies_due ON review_policies (due_at);

-- What the provider asks people to accept, version by version. people.terms_version is the newest that a person accepted, so that every
-- request can ask it.
CREATE TABLE terms_versions (
    version      BIGINT PRIMARY KEY,
    dated        TEXT NOT NULL,
    terms        TEXT NOT NULL,
    privacy      TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT NOT NULL
);

CREATE TABLE terms_acceptances (
    person_id   TEXT NOT NULL,
    version     BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    address     TEXT NOT NULL,
    PRIMARY KEY (person_id, version)
);
CREATE INDEX terms_acceptances_by_version ON terms_acceptances (version, person_id);
ALTER TABLE people ADD COLUMN terms_version BIGINT NOT NULL DEFAULT 0;

-- Who has put the first steps for new people away.
ALTER TABLE people ADD COLUMN welcomed_at BIGINT NOT NULL DEFAULT 0;
UPDATE people SET welcomed_at = created_at;

-- +goose Down

ALTER TABLE people DROP COLUMN welcomed_at;
ALTER TABLE people DROP COLUMN terms_version;
DROP TABLE terms_acceptances;
DROP TABLE terms_versions;
DROP TABLE review_policies;
DROP TABLE access_review_rows;
DROP TABLE access_reviews;
DROP TABLE group_members;
DROP TABLE people_groups;
ALTER TABLE memberships DROP COLUMN own_roles;
