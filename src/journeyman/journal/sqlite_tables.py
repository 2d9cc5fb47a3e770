"""The tables of the SQLite file, as the writer's thread changes them.

What the transactions change most (streams, runs, threads, events, messages) is gathered and written by `flush`, one
statement per table for a whole group of batches. Working copies of runs that are open and of threads that are busy
stay between transactions, so a step reads nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from journeyman.events.codec import Entry
from journeyman.events.messages import JSON
from journeyman.journal.journal import ApprovalRow, Claim, Definition, thread_stream
from journeyman.journal.sqlite_reads import approval_of, run_of, thread_of
from journeyman.journal.statements import Q
from journeyman.journal.tables import Run, Thread

KEPT = 4096  # working copies of either kind kept between transactions

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class SqliteTables:
    """Tables over the write connection. `flush` before COMMIT, `settle` after it, `forget` after a rollback."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._runs: dict[str, Run] = {}
        self._threads: dict[str, Thread] = {}
        self._numbers: dict[str, int] = {}  # stream -> its number
        self._last_number: int | None = None
        self._changed = False
        self._dirty_runs: dict[str, Run] = {}
        self._dirty_threads: dict[str, Thread] = {}
        self._new_streams: list[tuple[Any, ...]] = []
        self._new_events: list[tuple[Any, ...]] = []
        self._new_messages: list[tuple[Any, ...]] = []

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self._changed

    # --- the ends of a transaction

    def flush(self) -> None:
        """Write what was gathered."""
        if self._new_streams:
            self._db.executemany(Q["add_stream"], self._new_streams)
            self._new_streams = []
        if self._dirty_threads:
            self._db.executemany(Q["save_thread"], [self._thread_values(t) for t in self._dirty_threads.values()])
        if self._dirty_runs:
            self._db.executemany(Q["save_run"], [self._run_values(run) for run in self._dirty_runs.values()])
        self._flush_events()
        if self._new_messages:
            self._db.executemany(Q["add_message"], self._new_messages)
            self._new_messages = []

    def _flush_events(self) -> None:
        if self._new_events:
            self._db.executemany(Q["add_event"], self._new_events)
            self._new_events = []

    def settle(self) -> None:
        """After a commit: keep the working copies of what is at work."""
        for run in self._dirty_runs.values():
            if not run.open:
                self._drop_run(run.id)
        for thread in self._dirty_threads.values():
            if thread.active_run is None:
                self._drop_thread(thread.key)
        for id in list(itertools.islice(self._runs, max(0, len(self._runs) - KEPT))):
            self._drop_run(id)
        for key in list(itertools.islice(self._threads, max(0, len(self._threads) - KEPT))):
            self._drop_thread(key)
        if len(self._numbers) > 4 * KEPT:
            self._numbers.clear()
        self._clear_changes()

    def forget(self) -> None:
        """After a rollback: nothing in memory can be trusted."""
        self._runs.clear()
        self._threads.clear()
        self._numbers.clear()
        self._last_number = None
        self._new_streams, self._new_events, self._new_messages = [], [], []
        self._clear_changes()

    def _clear_changes(self) -> None:
        self._changed = False
        self._dirty_runs.clear()
        self._dirty_threads.clear()

    def _drop_run(self, id: str) -> None:
        self._runs.pop(id, None)
        self._numbers.pop(id, None)

    def _drop_thread(self, key: str) -> None:
        self._threads.pop(key, None)
        self._numbers.pop(thread_stream(key), None)

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        self._changed = True
        self._db.execute(Q[query], values)

    def _highest(self, query: str, values: tuple[Any, ...]) -> int:
        """The one number that a `max` query gives; 0: there was nothing."""
        rows: list[Any] = self._db.execute(Q[query], values).fetchall()
        highest: int = rows[0][0] or 0
        return highest

    # --- streams and events

    def _find_number(self, stream: str) -> int | None:
        number = self._numbers.get(stream)
        if number is None:
            row = self._db.execute(Q["stream"], (stream,)).fetchone()
            if row is not None:
                number = self._numbers[stream] = row[0]
        return number

    def _number(self, stream: str) -> int:
        number = self._find_number(stream)
        return number if number is not None else self._new_number(stream)

    def _new_number(self, stream: str) -> int:
        if self._last_number is None:
            self._last_number = self._highest("last_stream", ())
        self._last_number = number = self._last_number + 1
        self._numbers[stream] = number
        self._new_streams.append((number, stream))
        return number

    def accepted_no(self, id: str) -> int:
        return self._number(id)

    def last_seq(self, stream: str) -> int:
        number = self._find_number(stream)
        if number is None:
            return 0
        self._flush_events()
        return self._highest("last_seq", (number,))

    def append(self, entry: Entry) -> None:
        number = self._numbers.get(entry.stream)
        if number is None:
            new = entry.type == "run_accepted"  # it was looked for in vain just before
            number = self._new_number(entry.stream) if new else self._number(entry.stream)
        self._changed = True
        self._new_events.append((number, entry.seq, entry.type, entry.v, entry.at, entry.data))

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        self._flush_events()
        rows = self._db.execute(Q["entries"], (stream, after, limit))
        return [Entry(stream, *row) for row in rows]

    # --- runs and threads

    def run(self, id: str) -> Run | None:
        run = self._runs.get(id)
        if run is None:
            row = self._db.execute(Q["run"], (id,)).fetchone()
            if row is None:
                return None
            run = self._runs[id] = run_of(row)
            self._numbers[id] = run.accepted_no
            run.open_approvals = [found[0] for found in self._db.execute(Q["open_approval_ids"], (id,))]
        return run

    def save_run(self, run: Run) -> None:
        self._changed = True
        self._runs[run.id] = self._dirty_runs[run.id] = run

    def open_runs(self) -> Sequence[Run]:
        self.flush()
        ids = [row[0] for row in self._db.execute(Q["open_run_ids"])]
        return [run for run in map(self.run, ids) if run is not None]

    def _run_values(self, run: Run) -> tuple[Any, ...]:
        return (
            run.accepted_no,
            run.id,
            self._number(thread_stream(run.thread)),
            run.principal,
            run.agent,
            run.version,
            run.parent,
            run.direct,
            run.has_input,
            run.status,
            run.epoch,
            run.accepted_at,
            run.started_at,
            run.ended_at,
            run.error_code,
            run.error_id,
            run.request_id,
            run.trace_id,
            _encode(run.tools).decode() if run.tools else "[]",
        )

    def thread(self, key: str) -> Thread | None:
        thread = self._threads.get(key)
        if thread is None:
            row = self._db.execute(Q["thread"], (thread_stream(key),)).fetchone()
            if row is None:
                return None
            thread = self._threads[key] = thread_of(row)
            number = self._numbers[thread_stream(key)] = row[0]
            if thread.active_run is not None:  # else nothing waits
                thread.queue = [found[0] for found in self._db.execute(Q["queue"], (number,))]
                thread.pending = [(found[0], found[1]) for found in self._db.execute(Q["pending"], (number,))]
        return thread

    def save_thread(self, thread: Thread) -> None:
        self._changed = True
        self._threads[thread.key] = self._dirty_threads[thread.key] = thread
        self._number(thread_stream(thread.key))

    def _thread_values(self, thread: Thread) -> tuple[Any, ...]:
        return (
            self._number(thread_stream(thread.key)),
            thread.key,
            thread.principal,
            thread.thread_id,
            thread.created_at,
            thread.updated_at,
            thread.active_run,
            thread.window_from,
            _encode(thread.context),
            thread.title,
            _encode(thread.meta),
            thread.erasing,
        )

    # --- messages

    def add_message(self, thread: str, no: int, stream: str, seq: int) -> None:
        self._changed = True
        self._new_messages.append((self._number(thread_stream(thread)), no, self._number(stream), seq))

    def replace_message(self, thread: str, stream: str, seq: int, new_seq: int) -> None:
        self.flush()
        values = (new_seq, self._number(thread_stream(thread)), self._number(stream), seq)
        self._write("replace_message", values)
        self._write("replace_pending", values)

    def add_pending(self, thread: str, stream: str, seq: int) -> None:
        self._write("add_pending", (self._number(thread_stream(thread)), self._number(stream), seq))

    def drop_pending(self, thread: str) -> None:
        self._write("drop_pending", (self._number(thread_stream(thread)),))

    # --- approvals, claims, definitions, contexts

    def approval(self, id: str) -> ApprovalRow | None:
        row = self._db.execute(Q["approval"], (id,)).fetchone()
        return approval_of(row[0]) if row is not None else None

    def save_approval(self, row: ApprovalRow) -> None:
        self._write("save_approval", (row.id, row.run, row.principal, row.answer, _encode(row)))

    def claim(self, principal: str, route: str, key: str) -> Claim | None:
        row = self._db.execute(Q["claim"], (principal, route, key)).fetchone()
        if row is None:
            return None
        body_hash, run_id, expires = row
        return Claim(principal=principal, route=route, key=key, body_hash=body_hash, run_id=run_id, expires=expires)

    def save_claim(self, claim: Claim, now: int) -> None:
        values = (claim.principal, claim.route, claim.key, claim.body_hash, claim.run_id, claim.expires)
        self._write("drop_expired_claims", (now,))
        self._write("save_claim", values)

    def add_definition(self, definition: Definition) -> None:
        self._write("add_definition", (definition.version, definition.data))

    def global_context(self, principal: str) -> dict[str, JSON]:
        row = self._db.execute(Q["context"], (principal,)).fetchone()
        return _decode(row[0]) if row is not None else {}

    def save_global_context(self, principal: str, context: dict[str, JSON]) -> None:
        self._write("save_context", (principal, _encode(context)))

    # --- erasure

    def erase_some(self, thread: str, limit: int) -> bool:
        self.flush()
        number = self._number(thread_stream(thread))
        left = limit
        while left > 0 and (row := self._db.execute(Q["runs_of_thread"], (number,)).fetchone()) is not None:
            run_number, run_id = row
            left -= self._delete("erase_events", (run_number, left))
            if left > 0:
                self._erase_run(run_number, run_id)
                left -= 1
        left -= self._delete("erase_events", (number, max(left, 0)))
        left -= self._delete("erase_messages", (number, number, max(left, 0)))
        if left <= 0:
            return False
        for query in ("drop_pending", "erase_thread", "erase_stream"):
            self._write(query, (number,))
        self._dirty_threads.pop(thread, None)
        self._drop_thread(thread)
        return True

    def _erase_run(self, number: int, id: str) -> None:
        self._write("erase_approvals", (id,))
        self._write("erase_claims", (id,))
        self._write("erase_run", (number,))
        self._write("erase_stream", (number,))
        self._dirty_runs.pop(id, None)
        self._drop_run(id)

    def _delete(self, query: str, values: tuple[Any, ...]) -> int:
        self._write(query, values)
        return self._db.changes()
