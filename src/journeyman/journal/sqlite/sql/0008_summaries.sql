-- Where the summary of a thread's earlier messages stands: the JSON list [stream, seq]; NULL: nowhere.

ALTER TABLE threads ADD COLUMN summary BLOB;
