-- How often the server ended uncleanly while a step of a run was open that this start of it had begun.
-- Written by a take-over after such an end alone. A run may be held, which an earlier release would not know:
-- the higher schema number makes it refuse the file.

CREATE TABLE crash_counts (
    run INTEGER PRIMARY KEY, -- number of its stream
    crashes INTEGER NOT NULL,
    alone INTEGER NOT NULL DEFAULT 0, -- epoch of the start that resumed it with no other run beside it; 0: none
    blamed INTEGER NOT NULL DEFAULT 0 -- whether that start ended uncleanly meanwhile
);

-- Earlier releases did not note how they ended: none of their ends counts. Only `clean_epoch` itself is new.
INSERT INTO meta (key, value) SELECT 'clean_epoch', value FROM meta WHERE key = 'epoch';
