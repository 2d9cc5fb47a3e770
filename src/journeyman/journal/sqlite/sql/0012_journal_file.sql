-- What a journal knows of its own file: the path that it was last opened under for writing.

CREATE TABLE file (
    path TEXT NOT NULL
);

-- A checksum of each new event. Events of earlier releases have none.
ALTER TABLE events ADD COLUMN checksum INTEGER;

-- Threads whose history cannot be decoded: a run on them has failed by that.
ALTER TABLE threads ADD COLUMN unreadable INTEGER NOT NULL DEFAULT 0;

-- The failed runs of a principal, the newest first. A run that succeeds does not touch it.
CREATE INDEX runs_failed_of_principal ON runs (principal, ended_at) WHERE error_code IS NOT NULL;
