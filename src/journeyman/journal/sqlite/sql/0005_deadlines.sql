-- Deadlines of approvals (µs since the epoch). Approvals of earlier releases have none.

ALTER TABLE approvals ADD COLUMN deadline INTEGER;
CREATE INDEX approvals_deadline ON approvals (deadline, id) WHERE answer IS NULL AND deadline IS NOT NULL;
