-- Partial indexes of failed runs and of runs with a caller's trace. A run that succeeds without one does not touch them.

CREATE INDEX runs_failed ON runs (ended_at) WHERE error_code IS NOT NULL;
CREATE INDEX runs_error_code ON runs (error_code) WHERE error_code IS NOT NULL;
CREATE INDEX runs_error_id ON runs (error_id) WHERE error_id IS NOT NULL;
CREATE INDEX runs_trace ON runs (trace_id) WHERE trace_id IS NOT NULL;
