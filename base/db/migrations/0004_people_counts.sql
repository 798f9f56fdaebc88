-- +goose Up

-- How many hub users an account has in each state. Kept in the transaction that changes a state, because counting ten thousand rows
-- takes longer than a page.
CREATE TABLE people_counts (
    account_id TEXT NOT NULL,
    state      TEXT NOT NULL,
    people     BIGINT NOT NULL,
    PRIMARY KEY (account_id, state)
);
INSERT INTO people_counts (account_id, state, people) SELECT account_id, state, COUNT(*) FROM memberships GROUP BY account_id, state;

-- +goose Down

DROP TABLE people_counts;
