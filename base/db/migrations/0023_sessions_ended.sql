-- +goose Up

-- When an admin signed a hub user out of the account. Sessions that began before let nobody in any more.
ALTER TABLE memberships ADD COLUMN sessions_ended_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE memberships DROP COLUMN sessions_ended_at;
