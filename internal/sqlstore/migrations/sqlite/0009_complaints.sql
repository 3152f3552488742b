-- What people write to the institution. It begins with the complaint and no person:
-- most are nobody's, of whom subject is zero.
CREATE TABLE complaints (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number        TEXT    NOT NULL UNIQUE CHECK (length(number) BETWEEN 1 AND 32),
    subject       BLOB    NOT NULL CHECK (length(subject) = 16),
    kind          TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    topic         TEXT    NOT NULL CHECK (length(topic) BETWEEN 1 AND 32),
    text          BLOB    NOT NULL CHECK (length(text) BETWEEN 1 AND 16384), -- sealed
    email         BLOB    NOT NULL CHECK (length(email) BETWEEN 1 AND 1024), -- sealed, empty for none
    reference     TEXT    NOT NULL CHECK (length(reference) <= 32),
    received_at   INTEGER NOT NULL,
    due_at        INTEGER NOT NULL, -- the last instant of the last day
    confirm_until INTEGER NOT NULL,
    confirmed_at  INTEGER NOT NULL,
    proof         TEXT    NOT NULL CHECK (length(proof) <= 32), -- '' while nobody confirmed it
    answered_at   INTEGER NOT NULL,
    keep_until    INTEGER NOT NULL,
    lapsed        INTEGER NOT NULL CHECK (lapsed IN (0, 1)), -- it was counted as one that nobody confirmed
    CHECK ((confirmed_at > 0) = (proof <> ''))
) STRICT;
CREATE INDEX complaints_subject ON complaints (subject, received_at);
CREATE INDEX complaints_open ON complaints (received_at, id) WHERE answered_at = 0;
CREATE INDEX complaints_waiting ON complaints (confirm_until) WHERE confirmed_at = 0 AND lapsed = 0;
CREATE INDEX complaints_keep ON complaints (keep_until);
