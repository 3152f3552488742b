-- People, accounts, procedures, limits, outbox and audit. Times are Unix
-- milliseconds, 0 for none. "Sealed" columns are opened by the key ring alone.
-- Tables about a person begin with the subject, the keyed hash of the number.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    value TEXT NOT NULL CHECK (length(value) <= 4096)
);

CREATE TABLE people (
    subject BYTEA NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    record  BYTEA NOT NULL CHECK (length(record) BETWEEN 1 AND 65536) -- sealed
);

CREATE TABLE accounts (
    subject     BYTEA    NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    clave       BYTEA    NOT NULL CHECK (length(clave) BETWEEN 1 AND 1024),   -- sealed
    answers     BYTEA    NOT NULL CHECK (length(answers) BETWEEN 1 AND 4096), -- sealed
    level       BIGINT NOT NULL CHECK (level BETWEEN 0 AND 9),
    proven_at   BIGINT NOT NULL,
    must_change BOOLEAN NOT NULL,
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 1),
    mac         BYTEA    NOT NULL CHECK (length(mac) = 32)
);

CREATE TABLE addresses (
    subject     BYTEA    NOT NULL CHECK (length(subject) = 16),
    id          BYTEA    NOT NULL CHECK (length(id) = 16),
    email       BYTEA    NOT NULL CHECK (length(email) BETWEEN 1 AND 1024), -- sealed
    origin      TEXT    NOT NULL CHECK (length(origin) <= 32),
    proven_at   BIGINT NOT NULL,
    source      TEXT    NOT NULL CHECK (length(source) <= 256),
    run         TEXT    NOT NULL CHECK (length(run) <= 256),
    officer     TEXT    NOT NULL CHECK (length(officer) <= 256),
    office      TEXT    NOT NULL CHECK (length(office) <= 256),
    replaced_at BIGINT NOT NULL,
    mac         BYTEA    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (subject, id)
);

CREATE TABLE procedures (
    subject    BYTEA    NOT NULL CHECK (length(subject) = 16),
    id         BYTEA    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (length(kind) <= 32),
    step       TEXT    NOT NULL CHECK (length(step) <= 32),
    policy     TEXT    NOT NULL CHECK (length(policy) <= 64),
    browser    BYTEA    NOT NULL CHECK (length(browser) = 32),
    reference  TEXT    NOT NULL CHECK (length(reference) <= 32),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended      TEXT    NOT NULL CHECK (length(ended) <= 32), -- '' while it has not ended
    ended_at   BIGINT NOT NULL,
    extensions BIGINT NOT NULL CHECK (extensions BETWEEN 0 AND 1000000),
    failed     BIGINT NOT NULL CHECK (failed BETWEEN 0 AND 1000000),
    code_tries BIGINT NOT NULL CHECK (code_tries BETWEEN 0 AND 1000000),
    generation BIGINT NOT NULL CHECK (generation BETWEEN 0 AND 65535),
    hold_until BIGINT NOT NULL,
    attempted  BIGINT NOT NULL,
    accepted   BIGINT NOT NULL,
    typed      BYTEA    NOT NULL CHECK (length(typed) BETWEEN 1 AND 65536), -- sealed
    version    BIGINT NOT NULL CHECK (version >= 0),
    PRIMARY KEY (subject, id)
);
CREATE INDEX procedures_expires ON procedures (expires_at);

CREATE TABLE attempts (
    subject BYTEA    NOT NULL CHECK (length(subject) = 16),
    budget  TEXT    NOT NULL CHECK (length(budget) BETWEEN 1 AND 32),
    times   BYTEA    NOT NULL CHECK (length(times) % 8 = 0 AND length(times) <= 8192), -- big-endian milliseconds
    total   BIGINT NOT NULL CHECK (total >= 0),
    newest  BIGINT NOT NULL, -- the latest of times, 0 without one
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (subject, budget)
);
CREATE INDEX attempts_newest ON attempts (newest);

-- Begins with the key, not with the subject: it is asked for a network's or a
-- device's people.
CREATE TABLE marks (
    scope   TEXT    NOT NULL CHECK (length(scope) BETWEEN 1 AND 32),
    hash    BYTEA    NOT NULL CHECK (length(hash) = 32),
    subject BYTEA    NOT NULL CHECK (length(subject) = 16),
    latest  BIGINT NOT NULL,
    PRIMARY KEY (scope, hash, subject)
);
CREATE INDEX marks_latest ON marks (latest);

CREATE TABLE used_once (
    id         BYTEA    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_once_expires ON used_once (expires_at);

CREATE TABLE devices (
    subject    BYTEA    NOT NULL CHECK (length(subject) = 16),
    device     BYTEA    NOT NULL CHECK (length(device) = 32),
    added_at   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject, device)
);
CREATE INDEX devices_device ON devices (device);
CREATE INDEX devices_expires ON devices (expires_at);

CREATE TABLE notices (
    subject    BYTEA    NOT NULL CHECK (length(subject) = 16),
    id         BYTEA    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (length(kind) <= 32),
    procedure  BYTEA    NOT NULL CHECK (length(procedure) = 16),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    PRIMARY KEY (subject, id)
);
CREATE INDEX notices_expires ON notices (expires_at);

-- Begins with the mail, not with a person: it is a queue. What a mail needs is
-- NULL once it ended.
CREATE TABLE outbox (
    id           BYTEA    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind         TEXT    NOT NULL CHECK (length(kind) <= 32),
    recipient    BYTEA    CHECK (length(recipient) BETWEEN 1 AND 1024), -- sealed
    procedure    BYTEA    NOT NULL CHECK (length(procedure) = 16),
    generation   BIGINT NOT NULL CHECK (generation BETWEEN 0 AND 65535),
    notice       BYTEA    NOT NULL CHECK (length(notice) = 16),
    facts        BYTEA    CHECK (length(facts) BETWEEN 1 AND 16384), -- sealed
    queued_at    BIGINT NOT NULL,
    due          BIGINT NOT NULL,
    tries        BIGINT NOT NULL CHECK (tries BETWEEN 0 AND 1000000),
    leased_until BIGINT NOT NULL,
    ended        TEXT    NOT NULL CHECK (length(ended) <= 32), -- '' while it waits
    ended_at     BIGINT NOT NULL,
    CHECK ((ended = '') = (recipient IS NOT NULL) AND (ended = '') = (facts IS NOT NULL))
);
CREATE INDEX outbox_due ON outbox (due, id) WHERE ended = '';
CREATE INDEX outbox_procedure ON outbox (procedure) WHERE ended = '';
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended <> '';

-- The only table that joins the random numbers of the audit to people. Erasing
-- a row erases what the details of their audit rows say.
CREATE TABLE audit_people (
    subject BYTEA NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    person  BYTEA NOT NULL UNIQUE CHECK (length(person) = 16),
    key     BYTEA NOT NULL CHECK (length(key) BETWEEN 1 AND 256) -- sealed
);

CREATE TABLE audit (
    shard   BIGINT NOT NULL CHECK (shard BETWEEN 0 AND 255),
    seq     BIGINT NOT NULL CHECK (seq >= 1),
    person  BYTEA    NOT NULL CHECK (length(person) = 16),
    actor   TEXT    NOT NULL CHECK (length(actor) <= 32),
    act     TEXT    NOT NULL CHECK (length(act) <= 64),
    office  TEXT    NOT NULL CHECK (length(office) <= 256),
    at      BIGINT NOT NULL,
    route   TEXT    NOT NULL CHECK (length(route) <= 256),
    details BYTEA    NOT NULL CHECK (length(details) BETWEEN 1 AND 65536), -- sealed under the person's own key
    mac     BYTEA    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (shard, seq)
);

CREATE TABLE audit_heads (
    shard BIGINT NOT NULL PRIMARY KEY CHECK (shard BETWEEN 0 AND 255),
    seq   BIGINT NOT NULL CHECK (seq >= 0),
    last  BYTEA    NOT NULL CHECK (length(last) IN (0, 32)), -- the MAC of row seq
    mac   BYTEA    NOT NULL CHECK (length(mac) IN (0, 32))   -- the MAC of this row
);
INSERT INTO audit_heads (shard, seq, last, mac) VALUES
    (0, 0, '', ''), (1, 0, '', ''), (2, 0, '', ''), (3, 0, '', ''),
    (4, 0, '', ''), (5, 0, '', ''), (6, 0, '', ''), (7, 0, '', ''),
    (8, 0, '', ''), (9, 0, '', ''), (10, 0, '', ''), (11, 0, '', ''),
    (12, 0, '', ''), (13, 0, '', ''), (14, 0, '', ''), (15, 0, '', '');
