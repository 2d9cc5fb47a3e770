"""The rows of a journal, made again from its events in temporary tables, so that memory stays bounded.

Temporary tables hide the journal's own ones from every statement that names no schema. So the projection writes into
them by the same code and the same queries as the writer, while streams and events are still read from the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import apsw

from journeyman.events.codec import Entry
from journeyman.journal.projection.project import project
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.sqlite.tables import SqliteTables
from journeyman.journal.tables import Run, Thread

REBUILT = ("threads", "runs", "messages", "pending", "approvals", "contexts", "budgets")
GROUP = 1000  # events projected between two flushes


class RebuiltTables(SqliteTables):
    """Tables over a connection with temporary tables. Nothing is written to the journal."""

    def __init__(self, db: apsw.Connection) -> None:
        super().__init__(db)
        self._in_group = 0
        _make_tables(db)

    def append(self, entry: Entry) -> None:
        """Note a change: the event itself is in the journal."""
        self._changed = True

    def project(self, entry: Entry) -> None:
        """Change the rows according to the next entry."""
        project(self, entry, entry.event)
        self._in_group += 1
        if self._in_group >= GROUP:
            self.finish()

    def finish(self) -> None:
        """Write what was collected, and keep no more than the writer does."""
        self.flush()
        self.committed()
        self._in_group = 0

    def save_run(self, run: Run) -> None:
        """Save a run. No check has looked for a new one before, and it has to be told from the others."""
        if run.id not in self._runs:
            self.run(run.id)
        super().save_run(run)

    def save_thread(self, thread: Thread) -> None:
        """Save a thread, as `save_run` does a run."""
        if thread.key not in self._threads:
            self.thread(thread.key)
        super().save_thread(thread)

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        return [Entry(stream, *row) for row in self._db.execute(Q["entries"], (stream, after, limit))]

    def drop(self) -> None:
        """Drop the temporary tables, so that the journal's own ones are seen again."""
        with suppress(apsw.LockedError):  # a query was broken off by an error: the connection is of no more use
            for name in REBUILT:
                self._db.execute(_DROP[name])


_DROP = {name: f"DROP TABLE IF EXISTS temp.{name}" for name in REBUILT}


def allow_temporary_tables(db: apsw.Connection) -> None:
    """Let a reading connection have temporary tables, in files and with a bounded cache. Called before it reads."""
    db.pragma("query_only", False)
    db.pragma("temp_store", "file")
    db.execute("PRAGMA temp.journal_mode = OFF")
    db.execute("PRAGMA temp.cache_size = -32000")


def _make_tables(db: apsw.Connection) -> None:
    """Make the temporary tables and their indexes, as the journal's schema has them."""
    for name, table, sql in list(db.execute(Q["schema"])):
        if table in REBUILT and sql is not None:  # an index that a constraint makes has no statement
            statement = _temporary(sql, name)
            db.execute(statement)


def _temporary(sql: str, name: str) -> str:
    """Return the statement that makes a table or an index of this name as a temporary one."""
    head, _, rest = sql.partition(name)
    return f"{head}temp.{name}{rest}"
