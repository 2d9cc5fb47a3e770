-- Runs may wait for what their process lacks: `run_paused` with `lacks`, `run_resumed` with the reason `found`.
-- A release that does not know this must not continue these runs: the higher schema number makes it refuse the file.
-- The index finds them without a look at other runs; a run that lacks nothing does not touch it.

ALTER TABLE runs ADD COLUMN lacks TEXT; -- kind:name; NULL: the run lacks nothing
CREATE INDEX runs_lacks ON runs (accepted_no) WHERE lacks IS NOT NULL;
