-- Who may call: API keys, of which only hashes are kept.

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, -- the part of the key that may be shown
    data BLOB NOT NULL
) WITHOUT ROWID;
