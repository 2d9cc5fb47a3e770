-- Runs by the run that waits for them.

CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
