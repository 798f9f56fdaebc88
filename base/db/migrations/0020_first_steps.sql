-- +goose Up

-- When somebody put the list of first steps of an account away. Those who were here before it need none.
ALTER TABLE memberships ADD COLUMN steps_away_at BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET steps_away_at = accepted_at;

-- +goose Down
ALTER TABLE memberships DROP COLUMN steps_away_at;
