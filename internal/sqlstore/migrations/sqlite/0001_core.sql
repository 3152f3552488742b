-- People, accounts, procedures, limits, outbox and audit. Times are Unix
-- milliseconds, 0 for none. "Sealed" columns are opened by the key ring alone.
-- Tables about a person begin with the subject, the keyed hash of the number.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    value TEXT NOT NULL CHECK (length(value) <= 4096)
) STRICT;

CREATE TABLE people (
    subject BLOB NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    record  BLOB NOT NULL CHECK (length(record) BETWEEN 1 AND 65536) -- sealed
) STRICT;

CREATE TABLE accounts (
    subject     BLOB    NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    clave       BLOB    NOT NULL CHECK (length(clave) BETWEEN 1 AND 1024),   -- sealed
    answers     BLOB    NOT NULL CHECK (length(answers) BETWEEN 1 AND 4096), -- sealed
    level       INTEGER NOT NULL CHECK (level BETWEEN 0 AND 9),
    proven_at   INTEGER NOT NULL,
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    mac         BLOB    NOT NULL CHECK (length(mac) = 32)
) STRICT;

CREATE TABLE addresses (
    subject     BLOB    NOT NULL CHECK (length(subject) = 16),
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    email       BLOB    NOT NULL CHECK (length(email) BETWEEN 1 AND 1024), -- sealed
    origin      TEXT    NOT NULL CHECK (length(origin) <= 32),
    proven_at   INTEGER NOT NULL,
    source      TEXT    NOT NULL CHECK (length(source) <= 256),
    run         TEXT    NOT NULL CHECK (length(run) <= 256),
    officer     TEXT    NOT NULL CHECK (length(officer) <= 256),
    office      TEXT    NOT NULL CHECK (length(office) <= 256),
    replaced_at INTEGER NOT NULL,
    mac         BLOB    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (subject, id)
) STRICT;

CREATE TABLE procedures (
    subject    BLOB    NOT NULL CHECK (length(subject) = 16),
    id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (length(kind) <= 32),
    step       TEXT    NOT NULL CHECK (length(step) <= 32),
    policy     TEXT    NOT NULL CHECK (length(policy) <= 64),
    browser    BLOB    NOT NULL CHECK (length(browser) = 32),
    reference  TEXT    NOT NULL CHECK (length(reference) <= 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended      TEXT    NOT NULL CHECK (length(ended) <= 32), -- '' while it has not ended
    ended_at   INTEGER NOT NULL,
    extensions INTEGER NOT NULL CHECK (extensions BETWEEN 0 AND 1000000),
    failed     INTEGER NOT NULL CHECK (failed BETWEEN 0 AND 1000000),
    code_tries INTEGER NOT NULL CHECK (code_tries BETWEEN 0 AND 1000000),
    generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 65535),
    hold_until INTEGER NOT NULL,
    attempted  INTEGER NOT NULL,
    accepted   INTEGER NOT NULL,
    typed      BLOB    NOT NULL CHECK (length(typed) BETWEEN 1 AND 65536), -- sealed
    version    INTEGER NOT NULL CHECK (version >= 0),
    PRIMARY KEY (subject, id)
) STRICT;
CREATE INDEX procedures_expires ON procedures (expires_at);

CREATE TABLE attempts (
    subject BLOB    NOT NULL CHECK (length(subject) = 16),
    budget  TEXT    NOT NULL CHECK (length(budget) BETWEEN 1 AND 32),
    times   BLOB    NOT NULL CHECK (length(times) % 8 = 0 AND length(times) <= 8192), -- big-endian milliseconds
    total   INTEGER NOT NULL CHECK (total >= 0),
    newest  INTEGER NOT NULL, -- the latest of times, 0 without one
    version INTEGER NOT NULL CHECK (version >= 1),
    PRIMARY KEY (subject, budget)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_newest ON attempts (newest);

-- Begins with the key, not with the subject: it is asked for a network's or a
-- device's people.
CREATE TABLE marks (
    scope   TEXT    NOT NULL CHECK (length(scope) BETWEEN 1 AND 32),
    hash    BLOB    NOT NULL CHECK (length(hash) = 32),
    subject BLOB    NOT NULL CHECK (length(subject) = 16),
    latest  INTEGER NOT NULL,
    PRIMARY KEY (scope, hash, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_latest ON marks (latest);

CREATE TABLE used_once (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_expires ON used_once (expires_at);

CREATE TABLE devices (
    subject    BLOB    NOT NULL CHECK (length(subject) = 16),
    device     BLOB    NOT NULL CHECK (length(device) = 32),
    added_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (subject, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_device ON devices (device);
CREATE INDEX devices_expires ON devices (expires_at);

CREATE TABLE notices (
    subject    BLOB    NOT NULL CHECK (length(subject) = 16),
    id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (length(kind) <= 32),
    procedure  BLOB    NOT NULL CHECK (length(procedure) = 16),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (subject, id)
) STRICT;
CREATE INDEX notices_expires ON notices (expires_at);

-- Begins with the mail, not with a person: it is a queue. What a mail needs is
-- NULL once it ended.
CREATE TABLE outbox (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind         TEXT    NOT NULL CHECK (length(kind) <= 32),
    recipient    BLOB    CHECK (length(recipient) BETWEEN 1 AND 1024), -- sealed
    procedure    BLOB    NOT NULL CHECK (length(procedure) = 16),
    generation   INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 65535),
    notice       BLOB    NOT NULL CHECK (length(notice) = 16),
    facts        BLOB    CHECK (length(facts) BETWEEN 1 AND 16384), -- sealed
    queued_at    INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    tries        INTEGER NOT NULL CHECK (tries BETWEEN 0 AND 1000000),
    leased_until INTEGER NOT NULL,
    ended        TEXT    NOT NULL CHECK (length(ended) <= 32), -- '' while it waits
    ended_at     INTEGER NOT NULL,
    CHECK ((ended = '') = (recipient IS NOT NULL) AND (ended = '') = (facts IS NOT NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due, id) WHERE ended = '';
CREATE INDEX outbox_procedure ON outbox (procedure) WHERE ended = '';
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended <> '';

-- The only table that joins the random numbers of the audit to people. Erasing
-- a row erases what the details of their audit rows say.
CREATE TABLE audit_people (
    subject BLOB NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    person  BLOB NOT NULL UNIQUE CHECK (length(person) = 16),
    key     BLOB NOT NULL CHECK (length(key) BETWEEN 1 AND 256) -- sealed
) STRICT;

CREATE TABLE audit (
    shard   INTEGER NOT NULL CHECK (shard BETWEEN 0 AND 255),
    seq     INTEGER NOT NULL CHECK (seq >= 1),
    person  BLOB    NOT NULL CHECK (length(person) = 16),
    actor   TEXT    NOT NULL CHECK (length(actor) <= 32),
    act     TEXT    NOT NULL CHECK (length(act) <= 64),
    office  TEXT    NOT NULL CHECK (length(office) <= 256),
    at      INTEGER NOT NULL,
    route   TEXT    NOT NULL CHECK (length(route) <= 256),
    details BLOB    NOT NULL CHECK (length(details) BETWEEN 1 AND 65536), -- sealed under the person's own key
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (shard, seq)
) STRICT;

CREATE TABLE audit_heads (
    shard INTEGER NOT NULL PRIMARY KEY CHECK (shard BETWEEN 0 AND 255),
    seq   INTEGER NOT NULL CHECK (seq >= 0),
    last  BLOB    NOT NULL CHECK (length(last) IN (0, 32)), -- the MAC of row seq
    mac   BLOB    NOT NULL CHECK (length(mac) IN (0, 32))   -- the MAC of this row
) STRICT;
INSERT INTO audit_heads (shard, seq, last, mac) VALUES
    (0, 0, x'', x''), (1, 0, x'', x''), (2, 0, x'', x''), (3, 0, x'', x''),
    (4, 0, x'', x''), (5, 0, x'', x''), (6, 0, x'', x''), (7, 0, x'', x''),
    (8, 0, x'', x''), (9, 0, x'', x''), (10, 0, x'', x''), (11, 0, x'', x''),
    (12, 0, x'', x''), (13, 0, x'', x''), (14, 0, x'', x''), (15, 0, x'', x'');
