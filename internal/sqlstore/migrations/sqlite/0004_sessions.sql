-- Sessions: a log-in that lasts, ended by deleting its row.
CREATE TABLE sessions (
    subject    BLOB    NOT NULL CHECK (length(subject) = 16),
    id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    token      BLOB    NOT NULL CHECK (length(token) = 32), -- hash of what the browser holds
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    browser    TEXT    NOT NULL CHECK (length(browser) <= 64),
    PRIMARY KEY (subject, id)
) STRICT;
CREATE INDEX sessions_expires ON sessions (expires_at);
