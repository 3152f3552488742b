-- People stand in generations: a new register is brought in beside the one that
-- is read, and takes its place by one change of meta's people_generation. The key
-- begins with the generation, not with the subject: a generation is compared,
-- and deleted, as a whole.
CREATE TABLE people_in_generations (
    generation INTEGER NOT NULL CHECK (generation >= 1),
    subject    BLOB NOT NULL CHECK (length(subject) = 16),
    record     BLOB NOT NULL CHECK (length(record) BETWEEN 1 AND 65536), -- sealed
    digest     BLOB NOT NULL CHECK (length(digest) IN (0, 16)),          -- keyed, of what a change of which has effects
    PRIMARY KEY (generation, subject)
) STRICT;
INSERT INTO people_in_generations (generation, subject, record, digest) SELECT 1, subject, record, x'' FROM people;
DROP TABLE people;
ALTER TABLE people_in_generations RENAME TO people;
INSERT INTO meta (name, value) VALUES ('people_generation', '1');
