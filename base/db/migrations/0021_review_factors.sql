-- +goose Up

-- With which second factors somebody could sign in when a review decided about them; '' in the records of reviews before, and 'none'.
ALTER TABLE access_review_rows ADD COLUMN factors TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE access_review_rows DROP COLUMN factors;
