-- +goose Up

-- The groups that somebody joins by accepting an invitation. Those deleted meanwhile are gone from here too.
CREATE TABLE invitation_groups (
    account_id    TEXT NOT NULL,
    invitation_id TEXT NOT NULL,
    group_id      TEXT NOT NULL,
    PRIMARY KEY (account_id, invitation_id, group_id)
);
CREATE INDEX invitation_groups_of ON invitation_groups (account_id, group_id);

-- Lists of people who are to be invited, and what became of each line. total and done count the lines that were to be invited.
CREATE TABLE people_imports (
    account_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    state       TEXT NOT NULL,
    person_id   TEXT NOT NULL,
    person_name TEXT NOT NULL,
    message     TEXT NOT NULL,
    headings    TEXT NOT NULL,
    ignored     TEXT NOT NULL,
    line_count  BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    done        BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX people_imports_created ON people_imports (created_at);

CREATE TABLE people_import_lines (
    account_id TEXT NOT NULL,
    import_id  TEXT NOT NULL,
    line       BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    cells      TEXT NOT NULL,
    faults     TEXT NOT NULL,
    PRIMARY KEY (account_id, import_id, line)
);
CREATE INDEX people_import_lines_outcome ON people_import_lines (account_id, import_id, outcome, line);

-- +goose Down
DROP TABLE people_import_lines;
DROP TABLE people_imports;
DROP TABLE invitation_groups;
