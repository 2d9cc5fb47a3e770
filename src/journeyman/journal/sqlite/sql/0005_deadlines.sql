-- Approvals that wait no longer than to a moment (µs since the epoch); no release before asked for any.

ALTER TABLE approvals ADD COLUMN deadline INTEGER;
CREATE INDEX approvals_deadline ON approvals (deadline, id) WHERE answer IS NULL AND deadline IS NOT NULL;
