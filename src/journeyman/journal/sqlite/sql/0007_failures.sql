-- What failed, and what is part of a caller's trace: partial indexes, which a run that ends well does not touch.

CREATE INDEX runs_failed ON runs (ended_at) WHERE error_code IS NOT NULL;
CREATE INDEX runs_error_code ON runs (error_code) WHERE error_code IS NOT NULL;
CREATE INDEX runs_error_id ON runs (error_id) WHERE error_id IS NOT NULL;
CREATE INDEX runs_trace ON runs (trace_id) WHERE trace_id IS NOT NULL;
