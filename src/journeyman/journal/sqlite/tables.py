"""The tables of the SQLite file, as the writer thread changes them.

Changes of streams, runs, threads, events and messages are collected and written by `flush`, with one statement per
table for a whole group of batches. Working copies of open runs and busy threads are kept between transactions, so
that a step reads nothing from the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from journeyman.events.codec import Entry
from journeyman.events.messages import JSON
from journeyman.events.streams import event_key_range, thread_stream
from journeyman.journal.journal import (
    ApiKeyRow,
    ApprovalRow,
    FileRow,
    IdempotencyClaim,
    Owner,
    StoredDefinition,
    Suspect,
    ToolOutputRow,
)
from journeyman.journal.sqlite.columns import (
    changed_run_values,
    changed_thread_values,
    checksum,
    encode,
    new_run_values,
    new_thread_values,
)
from journeyman.journal.sqlite.reads import approval_of, file_of, read_claim, run_of, thread_of
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.tables import Run, Thread

KEPT = 4096  # working copies of runs, and of threads, that are kept between transactions
KEPT_CONTEXTS = 256
KEPT_DAYS = 31  # of budget charges

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class SqliteTables:
    """Tables over the write connection.

    The writer calls `flush` before COMMIT, `committed` after it, `rolled_back` after a rollback.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._runs: dict[str, Run] = {}
        self._threads: dict[str, Thread] = {}
        self._numbers: dict[str, int] = {}  # stream -> its row number
        self._contexts: dict[str, dict[str, JSON]] = {}  # principal -> global context
        self._absent: set[str] = set()  # runs and threads that this transaction found to be missing
        self._last_number: int | None = None
        self._day = 0  # of the newest charge
        self.last_event = 0  # number of the newest event of this transaction; 0: it has none
        self._changed = False
        self._new_runs: dict[str, Run] = {}
        self._dirty_runs: dict[str, Run] = {}
        self._new_threads: dict[str, Thread] = {}
        self._dirty_threads: dict[str, Thread] = {}
        self._idle: set[str] = set()  # ended runs and threads with a free slot, which are not kept
        self._new_streams: list[tuple[Any, ...]] = []
        self._new_events: list[tuple[Any, ...]] = []
        self._new_messages: list[tuple[Any, ...]] = []

    @property
    def changed(self) -> bool:
        """Return whether there is anything to commit."""
        return self._changed

    # --- the end of a transaction

    def flush(self) -> None:
        """Write the collected changes."""
        self._flush_threads()
        self._flush_runs()
        self._flush_events()
        if self._new_messages:
            self._db.executemany(Q["add_message"], self._new_messages)
            self._new_messages = []

    def _flush_threads(self) -> None:
        if self._new_threads:
            new = [new_thread_values(thread, self._number_of(thread.key)) for thread in self._new_threads.values()]
            self._db.executemany(Q["add_thread"], new)
            self._new_threads.clear()
        if self._dirty_threads:
            dirty = self._dirty_threads.values()
            changed = [changed_thread_values(thread, self._number_of(thread.key)) for thread in dirty]
            self._db.executemany(Q["save_thread"], changed)
            self._dirty_threads.clear()

    def _flush_runs(self) -> None:
        if self._new_runs:
            new = [new_run_values(run, self._number_of(run.thread)) for run in self._new_runs.values()]
            self._db.executemany(Q["add_run"], new)
            self._new_runs.clear()
        if self._dirty_runs:
            self._db.executemany(Q["save_run"], [changed_run_values(run) for run in self._dirty_runs.values()])
            self._dirty_runs.clear()

    def _flush_events(self) -> None:
        if self._new_streams:
            self._db.executemany(Q["add_stream"], self._new_streams)
            self._new_streams = []
        if self._new_events:
            self._db.executemany(Q["add_event"], self._new_events)
            self.last_event = self._db.last_insert_rowid()
            self._new_events = []

    def committed(self) -> None:
        """Keep the working copies of open runs and busy threads for the next transaction, and drop the others."""
        for id in self._idle:
            if (thread := self._threads.get(id)) is None:
                self._drop_run(id)
            elif thread.active_run is None:
                self._drop_thread(id)
        for id in list(itertools.islice(self._runs, max(0, len(self._runs) - KEPT))):
            self._drop_run(id)
        for key in list(itertools.islice(self._threads, max(0, len(self._threads) - KEPT))):
            self._drop_thread(key)
        if len(self._numbers) > 4 * KEPT:
            self._numbers.clear()
        if len(self._contexts) > KEPT_CONTEXTS:
            self._contexts.clear()
        self._clear_changes()

    def rolled_back(self) -> None:
        """Drop everything in memory, since it may differ from the file."""
        self._runs.clear()
        self._threads.clear()
        self._numbers.clear()
        self._contexts.clear()
        self._last_number = None
        self._new_streams, self._new_events, self._new_messages = [], [], []
        self._clear_changes()

    def _clear_changes(self) -> None:
        self._changed = False
        self.last_event = 0
        self._absent.clear()
        self._idle.clear()
        for rows in (self._new_runs, self._dirty_runs, self._new_threads, self._dirty_threads):
            rows.clear()

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
        """Return the number that a query for a `max` or `count` gives, 0 if there are no rows."""
        rows: list[Any] = self._db.execute(Q[query], values).fetchall()
        highest: int = rows[0][0] or 0
        return highest

    # --- streams and events

    def _find_number(self, stream: str) -> int | None:
        """Return the row number of a stream. Returns None if there is no such stream."""
        number = self._numbers.get(stream)
        if number is None:
            row = self._db.execute(Q["stream"], (stream,)).fetchone()
            if row is not None:
                number = self._numbers[stream] = row[0]
        return number

    def _number(self, stream: str) -> int:
        """Return the row number of a stream, which is made if there is no such stream."""
        number = self._find_number(stream)
        return number if number is not None else self._new_number(stream)

    def _number_of(self, thread: str) -> int:
        """Return the row number of the stream of the thread with this key."""
        return self._number(thread_stream(thread))

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
            new = entry.type == "run_accepted"  # the check found no such stream
            number = self._new_number(entry.stream) if new else self._number(entry.stream)
        self._changed = True
        seq, type, v, at, data = entry.seq, entry.type, entry.v, entry.at, entry.data
        self._new_events.append((number, seq, type, v, at, data, checksum(seq, type, v, at, data)))

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        self._flush_events()
        return [Entry(stream, *row) for row in self._db.execute(Q["entries"], (stream, after, limit))]

    # --- runs and threads

    def run(self, id: str) -> Run | None:
        run = self._runs.get(id)
        if run is None and id not in self._absent:
            number = self._find_number(id)  # for a missing run, cheaper than the whole row
            row = self._db.execute(Q["run"], (id,)).fetchone() if number is not None else None
            if row is None:
                self._absent.add(id)
                return None
            run = self._runs[id] = run_of(row)
            self._numbers[id] = run.accepted_no
            run.open_approvals = [found[0] for found in self._db.execute(Q["open_approval_ids"], (id,))]
        return run

    def save_run(self, run: Run) -> None:
        self._changed = True
        id = run.id
        if id in self._absent:
            self._absent.discard(id)
            self._runs[id] = self._new_runs[id] = run
        elif id not in self._new_runs:
            self._dirty_runs[id] = run
        if run.ended_at is not None:
            self._idle.add(id)

    def open_runs(self) -> Sequence[Run]:
        self.flush()
        ids = [row[0] for row in self._db.execute(Q["open_run_ids"])]
        return [run for run in map(self.run, ids) if run is not None]

    def last_started(self, thread: str) -> str | None:
        self.flush()
        rows = self._db.execute(Q["last_started"], (self._number_of(thread),)).fetchall()
        return str(rows[0][0]) if rows else None

    def at_work(self, owner: Owner, name: str) -> int:
        self.flush()
        return self._highest(f"at_work_of_{owner}", (name,))

    def spend(self, budget: str, day: int, tokens: int, cost_usd: float) -> None:
        if day > self._day:
            self._day = day
            self._write("drop_old_budgets", (day - KEPT_DAYS,))
        self._write("spend", (day, budget, tokens, cost_usd))

    def thread(self, key: str) -> Thread | None:
        thread = self._threads.get(key)
        if thread is None and key not in self._absent:
            number = self._find_number(thread_stream(key))
            row = self._db.execute(Q["thread"], (thread_stream(key),)).fetchone() if number is not None else None
            if row is None:
                self._absent.add(key)
                return None
            thread = self._threads[key] = thread_of(row)
            if thread.active_run is not None:  # else it has no queue and no pending messages
                thread.queue = [found[0] for found in self._db.execute(Q["queue"], (number,))]
                thread.pending = [(found[0], found[1]) for found in self._db.execute(Q["pending"], (number,))]
        return thread

    def save_thread(self, thread: Thread) -> None:
        self._changed = True
        key = thread.key
        if key in self._absent:
            self._absent.discard(key)
            self._threads[key] = self._new_threads[key] = thread
            if (stream := thread_stream(key)) not in self._numbers:
                self._new_number(stream)
        elif key not in self._new_threads:
            self._dirty_threads[key] = thread
        if thread.active_run is None:
            self._idle.add(key)

    # --- unclean ends

    def since_last_start(self, run: Run) -> Sequence[Entry]:
        return [Entry(run.id, *row) for row in self._db.execute(Q["since_last_start"], (run.accepted_no,))]

    def clean_epoch(self) -> int:
        return self._highest("clean_epoch", ())

    def save_clean_epoch(self, epoch: int) -> None:
        self._write("save_clean_epoch", (epoch,))

    def count_crash(self, run: Run) -> None:
        self._write("count_crash", (run.accepted_no, run.epoch))

    def suspects(self) -> Sequence[Suspect]:
        return [Suspect(id, crashes, bool(blamed)) for id, crashes, blamed in self._db.execute(Q["suspects"])]

    def save_alone(self, run_id: str | None, epoch: int) -> None:
        self._write("no_run_alone", ())
        if run_id is not None:
            self._write("run_alone", (epoch, self._number(run_id)))

    def drop_crash_counts(self, ended_only: bool) -> None:
        self._write("drop_crash_counts_of_ended" if ended_only else "drop_crash_counts", ())

    # --- messages

    def add_message(self, thread: str, no: int, stream: str, seq: int) -> None:
        self._changed = True
        self._new_messages.append((self._number_of(thread), no, self._number(stream), seq))

    def replace_message(self, thread: str, stream: str, seq: int, new_seq: int) -> None:
        self.flush()
        values = (new_seq, self._number_of(thread), self._number(stream), seq)
        self._write("replace_message", values)
        self._write("replace_pending", values)

    def add_pending(self, thread: str, stream: str, seq: int) -> None:
        self._write("add_pending", (self._number_of(thread), self._number(stream), seq))

    def drop_pending(self, thread: str) -> None:
        self._write("drop_pending", (self._number_of(thread),))

    # --- approvals, idempotency records, definitions, contexts

    def approval(self, id: str) -> ApprovalRow | None:
        row = self._db.execute(Q["approval"], (id,)).fetchone()
        return approval_of(row[0]) if row is not None else None

    def save_approval(self, row: ApprovalRow) -> None:
        self._write("save_approval", (row.id, row.run, row.principal, row.answer, row.deadline, encode(row)))

    def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return read_claim(self._db.execute(Q["claim"], (principal, route, key)).fetchone())

    def save_claim(self, claim: IdempotencyClaim, now: int) -> None:
        self._write("drop_expired_claims", (now,))
        self._write("save_claim", (claim.principal, claim.route, claim.key, claim.body_hash, claim.made, claim.expires))

    def save_api_key(self, row: ApiKeyRow) -> None:
        self._write("save_api_key", (row.id, encode(row)))

    def add_definition(self, definition: StoredDefinition) -> None:
        self._write("add_definition", (definition.version, definition.data))

    def global_context(self, principal: str) -> dict[str, JSON]:
        context = self._contexts.get(principal)
        if context is None:
            row = self._db.execute(Q["context"], (principal,)).fetchone()
            context = self._contexts[principal] = _decode(row[0]) if row is not None else {}
        return context

    def save_global_context(self, principal: str, context: dict[str, JSON]) -> None:
        self._contexts[principal] = context
        self._write("save_context", (principal, encode(context)))

    def save_output(self, row: ToolOutputRow) -> None:
        self._write("save_output", (self._number(row.run), row.call, row.tool, row.at, row.text))

    # --- files

    def file(self, id: str) -> FileRow | None:
        return file_of(self._db.execute(Q["file"], (id,)).fetchone())

    def file_with(self, principal: str, sha256: str) -> FileRow | None:
        return file_of(self._db.execute(Q["file_with"], (principal, sha256)).fetchone())

    def file_bytes(self, principal: str) -> int:
        row = self._db.execute(Q["file_bytes"], (principal,)).fetchone()
        return int(row[0]) if row is not None else 0

    def add_file(self, row: FileRow) -> None:
        self._write("add_file", msgspec.structs.astuple(row))
        self._write("take_file_space", (row.principal, row.charged))

    def set_unused(self, file: str, since: int) -> None:
        self._write("set_unused", (since, file))

    def refer_file(self, thread: str, file: str) -> None:
        self._write("refer_file", (self._number_of(thread), file))
        self._write("set_unused", (None, file))

    def collect_files(self, before: int, limit: int) -> Sequence[str]:
        rows = [file_of(row) for row in self._db.execute(Q["unused_files"], (before, limit))]
        collected = [row for row in rows if row is not None]
        for row in collected:
            self._write("drop_file", (row.id,))
            self._write("take_file_space", (row.principal, -row.charged))
        return [row.id for row in collected]

    def _drop_references(self, thread: int, limit: int) -> int:
        """Drop at most `limit` references of a thread to files. Returns how many were dropped."""
        files = [row[0] for row in self._db.execute(Q["referred_files"], (thread, limit))]
        for file in files:
            self._write("drop_reference", (thread, file))
            self._write("set_unused_if_free", (file,))
        return len(files)

    # --- erasure

    def erase_some(self, thread: str, limit: int) -> bool:
        self.flush()
        number = self._number_of(thread)
        left = limit
        while left > 0 and (row := self._db.execute(Q["runs_of_thread"], (number,)).fetchone()) is not None:
            run_number, run_id = row
            left -= self._delete("erase_events", (run_number, left))
            if left > 0:
                self._erase_run(run_number, run_id)
                left -= 1
        left -= self._delete("erase_events", (number, max(left, 0)))
        left -= self._delete("erase_messages", (number, number, max(left, 0)))
        left -= self._drop_references(number, max(left, 0))
        if left <= 0:
            return False
        self._write("erase_claims_at", event_key_range(thread_stream(thread)))
        for query in ("drop_pending", "erase_thread", "erase_stream"):
            self._write(query, (number,))
        self._dirty_threads.pop(thread, None)
        self._drop_thread(thread)
        return True

    def _erase_run(self, number: int, id: str) -> None:
        self._write("erase_approvals", (id,))
        self._write("erase_claims", (id,))
        self._write("erase_outputs", (number,))
        self._write("drop_crash_count", (number,))
        self._write("erase_run", (number,))
        self._write("erase_stream", (number,))
        self._dirty_runs.pop(id, None)
        self._drop_run(id)

    def _delete(self, query: str, values: tuple[Any, ...]) -> int:
        self._write(query, values)
        return self._db.changes()
