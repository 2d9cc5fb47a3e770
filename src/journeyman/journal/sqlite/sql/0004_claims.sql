-- An Idempotency-Key may have made something else than a run.

ALTER TABLE claims RENAME COLUMN run TO made;
