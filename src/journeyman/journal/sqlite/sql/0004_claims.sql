-- An idempotency record may name other things than runs.

ALTER TABLE claims RENAME COLUMN run TO made;
