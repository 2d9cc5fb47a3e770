-- Numbers of a thread's pinned messages: a JSON list, or NULL for none.

ALTER TABLE threads ADD COLUMN pinned BLOB;
