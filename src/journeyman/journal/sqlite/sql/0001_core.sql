-- Streams, events in the order of their commits, and the rows that are made from the events.
-- Streams are referred to by number: that keeps the indexes small, and rows that are written together close together.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE streams (
    no INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    v INTEGER NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (stream, seq)
);

CREATE TABLE threads (
    no INTEGER PRIMARY KEY, -- of its stream
    key TEXT NOT NULL,
    principal TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    active_run TEXT,
    window_from INTEGER NOT NULL,
    context BLOB NOT NULL,
    title TEXT NOT NULL,
    meta BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    erasing INTEGER NOT NULL
);
CREATE INDEX threads_erasing ON threads (no) WHERE erasing;

CREATE TABLE runs (
    accepted_no INTEGER PRIMARY KEY, -- the number of its stream
    id TEXT NOT NULL,
    thread INTEGER NOT NULL,
    principal TEXT NOT NULL,
    agent TEXT,
    version TEXT,
    parent TEXT,
    direct INTEGER NOT NULL,
    has_input INTEGER NOT NULL,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    error_code TEXT,
    error_id TEXT,
    request_id TEXT,
    trace_id TEXT
);
CREATE INDEX runs_thread ON runs (thread);
CREATE INDEX runs_principal ON runs (principal);
CREATE INDEX runs_open ON runs (thread) WHERE status IN ('queued', 'running', 'paused');

CREATE TABLE messages (
    thread INTEGER NOT NULL,
    no INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (thread, no)
) WITHOUT ROWID;

CREATE TABLE pending (
    id INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL
);
CREATE INDEX pending_thread ON pending (thread);

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    principal TEXT NOT NULL,
    answer TEXT,
    data BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX approvals_open ON approvals (id) WHERE answer IS NULL;
CREATE INDEX approvals_run ON approvals (run);

CREATE TABLE claims (
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    run TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (principal, route, key)
) WITHOUT ROWID;
CREATE INDEX claims_run ON claims (run);
CREATE INDEX claims_expires ON claims (expires);

CREATE TABLE definitions (
    version TEXT PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE contexts (
    principal TEXT PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;

-- For people: events with the names of their streams.
CREATE VIEW event_log AS
SELECT events.id, streams.name AS stream, seq, type, v, at, CAST(data AS TEXT) AS data
FROM events JOIN streams ON streams.no = events.stream;
