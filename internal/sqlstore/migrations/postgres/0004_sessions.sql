-- Sessions: a log-in that lasts, ended by deleting its row.
CREATE TABLE sessions (
    subject    BYTEA   NOT NULL CHECK (length(subject) = 16),
    id         BYTEA   NOT NULL UNIQUE CHECK (length(id) = 16),
    token      BYTEA   NOT NULL CHECK (length(token) = 32), -- hash of what the browser holds
    created_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    browser    TEXT    NOT NULL CHECK (length(browser) <= 64),
    PRIMARY KEY (subject, id)
);
CREATE INDEX sessions_expires ON sessions (expires_at);
