-- A thread may be renamed: the event `thread_renamed`, which an earlier release would not know. The higher schema
-- number makes it refuse the file.

-- Answered approvals of a principal, the newest first.
CREATE INDEX approvals_answered ON approvals (principal, id) WHERE answer IS NOT NULL;
