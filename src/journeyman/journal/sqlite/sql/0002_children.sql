-- An index of child runs by their parent.

CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
