-- What a person does inside a session: the web way closed by its owner, and
-- requests about one's data.
ALTER TABLE accounts ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0; -- within the row's MAC

CREATE TABLE requests (
    subject    BYTEA   NOT NULL CHECK (length(subject) = 16),
    id         BYTEA   NOT NULL UNIQUE CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    text       BYTEA   NOT NULL CHECK (length(text) BETWEEN 1 AND 16384), -- sealed
    reference  TEXT    NOT NULL CHECK (length(reference) <= 32),
    created_at BIGINT  NOT NULL,
    due_at     BIGINT  NOT NULL, -- the last instant of the last day
    state      TEXT    NOT NULL CHECK (length(state) BETWEEN 1 AND 32),
    ended_at   BIGINT  NOT NULL,
    PRIMARY KEY (subject, id)
);
CREATE INDEX requests_ended ON requests (ended_at) WHERE ended_at > 0;
