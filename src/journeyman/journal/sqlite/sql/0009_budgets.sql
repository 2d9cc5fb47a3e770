-- What was charged to budgets on a day, and the reservations of open model calls.

CREATE TABLE budgets (
    day INTEGER NOT NULL, -- since 1970-01-01, UTC
    budget TEXT NOT NULL, -- principal:NAME, key:ID, agent:NAME
    tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    PRIMARY KEY (day, budget)
) WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN key TEXT; -- the API key whose quota the run uses
ALTER TABLE runs ADD COLUMN reserved BLOB; -- JSON: call -> what is set aside for it; NULL: nothing is
CREATE INDEX runs_reserved ON runs (accepted_no) WHERE reserved IS NOT NULL;
