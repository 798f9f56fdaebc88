-- +goose Up

-- Who wants somebody's second factor taken off: an admin of an account, by membership, or the provider (account_id ''). It happens when
-- every account of the person wants it and the person completes it. recovery_links says that one is open; its token only stops it.
CREATE TABLE recovery_consents (
    account_id TEXT NOT NULL,
    person_id  TEXT NOT NULL,
    by_id      TEXT NOT NULL,
    by_name    TEXT NOT NULL,
    given_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX recovery_consents_person ON recovery_consents (person_id);

-- When a mailed link last set the password of somebody with a second factor; 0 once both were shown together. Until then whoever reads the
-- mailbox may have set it.
ALTER TABLE people ADD COLUMN password_mailed_at BIGINT NOT NULL DEFAULT 0;

-- Whether the person can show a second factor, beside their access, so that lists can choose by it.
ALTER TABLE memberships ADD COLUMN second_factor BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET second_factor = 1 WHERE person_id IN (SELECT id FROM people WHERE ways LIKE '%passkey%' OR ways LIKE '%totp%');
CREATE INDEX memberships_without_second ON memberships (account_id, search, id, roles) WHERE state = 'active' AND second_factor = 0;

-- +goose Down
DROP INDEX memberships_without_second;
ALTER TABLE memberships DROP COLUMN second_factor;
ALTER TABLE people DROP COLUMN password_mailed_at;
DROP TABLE recovery_consents;
