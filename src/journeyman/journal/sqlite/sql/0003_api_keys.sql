-- API keys, of which only the hashes are stored.

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, -- the part of the key that may be shown
    data BLOB NOT NULL
) WITHOUT ROWID;
