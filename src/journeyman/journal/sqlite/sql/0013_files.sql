-- Files of principals, whose bytes are in a folder beside the journal, and the threads whose events name them.
-- An older release would neither send nor collect them: the higher schema number makes it refuse the file.

CREATE TABLE files (
    id TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    name TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    added_at INTEGER NOT NULL,
    unused_since INTEGER, -- NULL: a thread names it; 0: the last one that did was erased
    UNIQUE (principal, sha256)
) WITHOUT ROWID;
CREATE INDEX files_unused ON files (unused_since) WHERE unused_since IS NOT NULL;

CREATE TABLE file_references (
    thread INTEGER NOT NULL, -- the number of its stream
    file TEXT NOT NULL,
    PRIMARY KEY (thread, file)
) WITHOUT ROWID;
CREATE INDEX file_references_file ON file_references (file);

CREATE TABLE file_space (
    principal TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
