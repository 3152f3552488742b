-- «No fui yo»: a freeze, what a notice was told to whom about, and the cases that
-- staff are asked to look into.
ALTER TABLE accounts ADD COLUMN frozen_from INTEGER NOT NULL DEFAULT 0; -- instant of the disputed act; 0 while not frozen

ALTER TABLE notices ADD COLUMN address BLOB CHECK (length(address) = 32); -- keyed hash; NULL in older rows
ALTER TABLE notices ADD COLUMN may_freeze INTEGER NOT NULL DEFAULT 0 CHECK (may_freeze IN (0, 1));
ALTER TABLE notices ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN latest_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN case_number TEXT NOT NULL DEFAULT '' CHECK (length(case_number) <= 32);
CREATE INDEX notices_told ON notices (subject, kind, due);

CREATE TABLE cases (
    subject   BLOB    NOT NULL CHECK (length(subject) = 16),
    number    TEXT    NOT NULL UNIQUE CHECK (length(number) BETWEEN 1 AND 32),
    kind      TEXT    NOT NULL CHECK (length(kind) <= 32), -- of the notice that was disputed
    froze     INTEGER NOT NULL CHECK (froze IN (0, 1)),
    opened_at INTEGER NOT NULL,
    PRIMARY KEY (subject, number)
) STRICT;
