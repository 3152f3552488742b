-- What the policies guia and reforzada keep: picture and telephone of an account,
-- and the one-use codes that staff hand over, one for a person at a time.
ALTER TABLE accounts ADD COLUMN profile BLOB CHECK (length(profile) BETWEEN 1 AND 1024); -- sealed; NULL in older rows

CREATE TABLE activation_codes (
    subject    BLOB    NOT NULL PRIMARY KEY CHECK (length(subject) = 16),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    mac        BLOB    NOT NULL CHECK (length(mac) = 32), -- of the code, by the key ring
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX activation_codes_expires ON activation_codes (expires_at);
