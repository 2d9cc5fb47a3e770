-- What the code of tools printed in worker processes: the end of it, masked, for operators. It is no event: nothing
-- depends on it. An older release would not erase it with its thread: the higher schema number makes it refuse the file.

CREATE TABLE tool_output (
    run INTEGER NOT NULL, -- accepted_no
    call TEXT NOT NULL,
    tool TEXT NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, call)
) WITHOUT ROWID;
