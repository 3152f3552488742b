-- What the policies guia and reforzada keep: picture and telephone of an account,
-- and the one-use codes that staff hand over, one for a person at a time.
ALTER TABLE accounts ADD COLUMN profile BYTEA CHECK (length(profile) BETWEEN 1 AND 1024); -- sealed; NULL in older rows

CREATE TABLE activation_codes (
    subject    BYTEA   NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    id         BYTEA   NOT NULL CHECK (length(id) = 16),
    mac        BYTEA   NOT NULL CHECK (length(mac) = 32), -- of the code, by the key ring
    issued_at  BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    used_at    BIGINT  NOT NULL
);
CREATE INDEX activation_codes_expires ON activation_codes (expires_at);
