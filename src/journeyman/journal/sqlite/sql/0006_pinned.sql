-- Numbers of a thread's pinned messages: a JSON list; NULL: none.

ALTER TABLE threads ADD COLUMN pinned BLOB;
