-- The event with the summary of a thread's earlier messages: the JSON list [stream, seq], or NULL for none.

ALTER TABLE threads ADD COLUMN summary BLOB;
