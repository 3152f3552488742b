-- «No fui yo»: a freeze, what a notice was told to whom about, and the cases that
-- staff are asked to look into.
ALTER TABLE accounts ADD COLUMN frozen_from BIGINT NOT NULL DEFAULT 0; -- instant of the disputed act; 0 while not frozen

ALTER TABLE notices ADD COLUMN address BYTEA CHECK (length(address) = 32); -- keyed hash; NULL in older rows
ALTER TABLE notices ADD COLUMN may_freeze BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE notices ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN repeats BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN latest_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN case_number TEXT NOT NULL DEFAULT '' CHECK (length(case_number) <= 32);
CREATE INDEX notices_told ON notices (subject, kind, due);

CREATE TABLE cases (
    subject   BYTEA    NOT NULL CHECK (length(subject) = 16),
    number    TEXT    NOT NULL UNIQUE CHECK (length(number) BETWEEN 1 AND 32),
    kind      TEXT    NOT NULL CHECK (length(kind) <= 32), -- of the notice that was disputed
    froze     BOOLEAN NOT NULL,
    opened_at BIGINT NOT NULL,
    PRIMARY KEY (subject, number)
);
