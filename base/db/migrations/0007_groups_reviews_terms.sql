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

-- +goose Down

DROP TABLE group_members;
DROP TABLE people_groups;
ALTER TABLE memberships DROP COLUMN own_roles;
