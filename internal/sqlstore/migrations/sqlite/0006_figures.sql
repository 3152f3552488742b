-- The public figures: what happened on which day, and nothing of whom. They begin
-- with no person; deleting one changes none.

-- What acts append, until it is summed up in figure_counts.
CREATE TABLE figure_events (
    id      INTEGER PRIMARY KEY,
    day     TEXT    NOT NULL CHECK (length(day) = 10), -- YYYY-MM-DD in America/Guayaquil
    measure TEXT    NOT NULL CHECK (length(measure) BETWEEN 1 AND 32),
    kind    TEXT    NOT NULL CHECK (length(kind) <= 32),
    detail  TEXT    NOT NULL CHECK (length(detail) <= 32),
    bucket  INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 255) -- of a duration; 0 for none
) STRICT;

-- What is summed up and of no closed month yet.
CREATE TABLE figure_counts (
    day     TEXT    NOT NULL CHECK (length(day) = 10),
    measure TEXT    NOT NULL CHECK (length(measure) BETWEEN 1 AND 32),
    kind    TEXT    NOT NULL CHECK (length(kind) <= 32),
    detail  TEXT    NOT NULL CHECK (length(detail) <= 32),
    bucket  INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 255),
    n       INTEGER NOT NULL CHECK (n >= 1),
    PRIMARY KEY (day, measure, kind, detail, bucket)
) STRICT, WITHOUT ROWID;

-- What never changes again: earlier, closed and corrected months, each signed and
-- chained to the one before.
CREATE TABLE figure_records (
    seq       INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 1), -- 1, 2, 3 … without a gap
    month     TEXT    NOT NULL CHECK (length(month) = 7),    -- YYYY-MM
    state     TEXT    NOT NULL CHECK (length(state) BETWEEN 1 AND 16),
    at        INTEGER NOT NULL,
    body      BLOB    NOT NULL CHECK (length(body) BETWEEN 2 AND 1048576),
    heads     BLOB    NOT NULL CHECK (length(heads) BETWEEN 2 AND 8192), -- of the audit, signed
    previous  BLOB    NOT NULL CHECK (length(previous) = 32),            -- hash of the record before
    signature BLOB    NOT NULL CHECK (length(signature) = 64)
) STRICT;
CREATE UNIQUE INDEX figure_records_month ON figure_records (month) WHERE state <> 'correction';

-- Whether the figures have seen how a procedure ended. One that they have not is
-- not deleted.
ALTER TABLE procedures ADD COLUMN counted INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1));
UPDATE procedures SET counted = 1;
DROP INDEX procedures_expires;
CREATE INDEX procedures_expires ON procedures (counted, expires_at);
