-- +goose Up

-- The pages that a person pinned in an account: their paths below it, in their order, with spaces between. One line for each membership is
-- read with every request anyway, so the side menu asks for nothing more.
ALTER TABLE memberships ADD COLUMN favourites TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE memberships DROP COLUMN favourites;
