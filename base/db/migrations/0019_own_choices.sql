-- +goose Up

-- How a person sees times and telephone numbers; '' follows the account and the country.
ALTER TABLE people ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN number_form TEXT NOT NULL DEFAULT '';

-- Which mails a person switched off. What is not here is sent.
CREATE TABLE muted_mails (
    person_id TEXT NOT NULL,
    topic     TEXT NOT NULL,
    muted_at  BIGINT NOT NULL,
    PRIMARY KEY (person_id, topic)
);

-- +goose Down
DROP TABLE muted_mails;
ALTER TABLE people DROP COLUMN number_form;
ALTER TABLE people DROP COLUMN time_zone;
