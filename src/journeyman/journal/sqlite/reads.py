"""Reads rows and entries from a SQLite journal. Synchronous: a connection serves one caller at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from journeyman.events.charging import with_reserved
from journeyman.events.codec import Entry, decode_event
from journeyman.events.messages import JSON
from journeyman.events.quota import Reservation
from journeyman.events.streams import thread_key_range, thread_stream, visible_key_range
from journeyman.events.transcript import stored_message
from journeyman.journal.journal import (
    MOST_FAILURES,
    ApiKeyRow,
    ApprovalRow,
    FailureRow,
    FileRow,
    IdempotencyClaim,
    Idle,
    MessageRow,
    RunFilter,
    RunPage,
    RunRow,
    Size,
    StoredDefinition,
    ThreadRow,
    ToolOutputRow,
)
from journeyman.journal.sqlite.run_scan import scan_runs
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.tables import Run, Thread

_LATEST = 2**63 - 1  # later than every time

_numbers = msgspec.json.Decoder(list[int]).decode
_summary = msgspec.json.Decoder(tuple[str, int]).decode
_json = msgspec.json.Decoder(dict[str, Any]).decode
approval_of = msgspec.json.Decoder(ApprovalRow).decode
reserved_of = msgspec.json.Decoder(dict[str, Reservation]).decode
api_key_of = msgspec.json.Decoder(ApiKeyRow).decode


LAST_ID = chr(0x10FFFF)  # behind every id


def run_of(row: Sequence[Any]) -> Run:
    """Return a run from the columns of the query `run`, without its open approvals."""
    return Run(
        accepted_no=row[0],
        id=row[1],
        thread=row[2],
        principal=row[3],
        agent=row[4],
        version=row[5],
        parent=row[6],
        direct=bool(row[7]),
        has_input=bool(row[8]),
        status=row[9],
        epoch=row[10],
        accepted_at=row[11],
        started_at=row[12],
        ended_at=row[13],
        error_code=row[14],
        error_id=row[15],
        request_id=row[16],
        trace_id=row[17],
        last_seq=row[18] or 0,
        key=row[19],
        reserved=reserved_of(row[20]) if row[20] else {},
        lacks=row[21],
    )


def thread_of(row: Sequence[Any]) -> Thread:
    """Return a thread from the columns of the query `thread`, without its queue and pending messages."""
    return Thread(
        key=row[1],
        principal=row[2],
        thread_id=row[3],
        created_at=row[4],
        updated_at=row[5],
        active_run=row[6],
        window_from=row[7],
        context=_json(row[8]),
        title=row[9],
        meta=_json(row[10]),
        erasing=bool(row[11]),
        next_no=(row[12] or 0) + 1,
        pinned=_numbers(row[13]) if row[13] else [],
        summary=_summary(row[14]) if row[14] else None,
        unreadable=bool(row[15]),
    )


def read_claim(row: Sequence[Any] | None) -> IdempotencyClaim | None:
    """Return an idempotency record from the columns of the query `claim`. Returns None if there is no row."""
    if row is None:
        return None
    principal, route, key, body_hash, made, expires = row
    return IdempotencyClaim(principal=principal, route=route, key=key, body_hash=body_hash, made=made, expires=expires)


def file_of(row: Sequence[Any] | None) -> FileRow | None:
    """Return a stored file from the columns of the table `files`. Returns None if there is no row."""
    if row is None:
        return None
    return FileRow(**dict(zip(FileRow.__struct_fields__, row, strict=True)))


class Reads:
    """The port's reading methods over one connection."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    def close(self) -> None:
        self.db.close()

    def entries(self, stream: str, after: int, limit: int) -> Sequence[Entry]:
        return [Entry(stream, *row) for row in self.db.execute(Q["entries"], (stream, after, limit))]

    def run(self, id: str) -> RunRow | None:
        row = self.db.execute(Q["run"], (id,)).fetchone()
        return run_of(row).row() if row is not None else None

    def runs(self, where: RunFilter, cursor: int | None, limit: int) -> RunPage:
        found = scan_runs(self.db, where, cursor, limit)
        rows = [self.db.execute(Q["run_by_number"], (number,)).fetchone() for number in found.numbers]
        return RunPage((run_of(row).row() for row in rows if row is not None), found.stopped_at)

    def lacking(self, after: int, limit: int) -> Sequence[RunRow]:
        rows = self.db.execute(Q["lacking"], (after, limit))
        return [run_of(row).row() for row in rows]

    def failures(self, principal: str | None, limit: int) -> Sequence[FailureRow]:
        if principal is None:
            rows = self.db.execute(Q["failures"], (MOST_FAILURES, limit))
        else:
            rows = self.db.execute(Q["failures_of_principal"], (principal, MOST_FAILURES, limit))
        return [
            FailureRow(
                code=code,
                agent=agent,
                count=count,
                first_at=first_at,
                last_at=last_at,
                latest_run=run,
                error_id=error_id,
                last_seq=last_seq or 0,
            )
            for code, agent, count, first_at, last_at, run, error_id, last_seq in rows
        ]

    def used(self, budget: str, day: int) -> tuple[int, float]:
        charged: Any = self.db.execute(Q["used"], (day, budget)).fetchone() or (0, 0.0)
        reserved = [each for (data,) in self.db.execute(Q["reserved"]) for each in reserved_of(data).values()]
        return with_reserved(charged, reserved, budget, day)

    def thread(self, key: str) -> ThreadRow | None:
        row = self.db.execute(Q["thread"], (thread_stream(key),)).fetchone()
        if row is None:
            return None
        thread = thread_of(row)
        return None if thread.erasing else thread.row()

    def threads(self, principal: str, cursor: str | None, limit: int) -> Sequence[ThreadRow]:
        first, end = thread_key_range(principal)
        after = cursor if cursor is not None else first
        rows = self.db.execute(Q["threads"], (thread_stream(after), thread_stream(end), principal, limit))
        return [thread_of(row).row() for row in rows]

    def newest_threads(
        self, principal: str, cursor: tuple[int, str] | None, limit: int, prefix: str
    ) -> Sequence[ThreadRow]:
        first, end = visible_key_range(principal, prefix)
        at, key = cursor or (_LATEST, "")
        rows = self.db.execute(
            Q["newest_threads"], (thread_stream(first), thread_stream(end), principal, at, key, limit)
        )
        return [thread_of(row).row() for row in rows]

    def messages(self, thread: str, first_no: int, last_no: int) -> Sequence[MessageRow]:
        return [_message(*row) for row in self.db.execute(Q["messages"], (thread_stream(thread), first_no, last_no))]

    def global_context(self, principal: str) -> dict[str, JSON]:
        data = self._one(Q["context"], principal)
        return _json(data) if data is not None else {}

    def approval(self, id: str) -> ApprovalRow | None:
        data = self._one(Q["approval"], id)
        return approval_of(data) if data is not None else None

    def approvals(self, principal: str | None, cursor: str | None, limit: int, run: str | None) -> list[ApprovalRow]:
        if run is None:
            rows = self.db.execute(Q["approvals"], (cursor or "", principal, principal, limit))
        else:
            rows = self.db.execute(Q["approvals_of_run"], (cursor or "", run, principal, principal, limit))
        return [approval_of(row[0]) for row in rows]

    def answered_approvals(self, principal: str | None, before: str | None, limit: int) -> Sequence[ApprovalRow]:
        last = before or LAST_ID
        if principal is None:
            rows = self.db.execute(Q["answered_approvals"], (last, limit))
        else:
            rows = self.db.execute(Q["answered_approvals_of"], (principal, last, limit))
        return [approval_of(row[0]) for row in rows]

    def due_approvals(self, limit: int) -> Sequence[ApprovalRow]:
        return [approval_of(row[0]) for row in self.db.execute(Q["due_approvals"], (limit,))]

    def definition(self, version: str) -> StoredDefinition | None:
        data = self._one(Q["definition"], version)
        return StoredDefinition(version, data) if data is not None else None

    def claim(self, principal: str, route: str, key: str) -> IdempotencyClaim | None:
        return read_claim(self.db.execute(Q["claim"], (principal, route, key)).fetchone())

    def message_no(self, thread: str, stream: str, seq: int) -> int | None:
        row = self.db.execute(Q["message_no"], (thread_stream(thread), stream, seq)).fetchone()
        return row[0] if row is not None else None

    def api_key(self, id: str) -> ApiKeyRow | None:
        data = self._one(Q["api_key"], id)
        return api_key_of(data) if data is not None else None

    def api_keys(self) -> Sequence[ApiKeyRow]:
        return [api_key_of(row[0]) for row in self.db.execute(Q["api_keys"])]

    def tool_outputs(self, run: str) -> Sequence[ToolOutputRow]:
        rows = self.db.execute(Q["tool_outputs"], (run,))
        return [ToolOutputRow(run=run, call=call, tool=tool, at=at, text=text) for call, tool, at, text in rows]

    def file(self, id: str) -> FileRow | None:
        return file_of(self.db.execute(Q["file"], (id,)).fetchone())

    def file_with(self, principal: str, sha256: str) -> FileRow | None:
        return file_of(self.db.execute(Q["file_with"], (principal, sha256)).fetchone())

    def file_bytes(self, principal: str) -> int:
        return self._one(Q["file_bytes"], principal) or 0

    def erasing(self) -> list[str]:
        """Return the keys of the threads whose erasure was begun and not finished."""
        return [row[0] for row in self.db.execute(Q["erasing"])]

    def idle_threads(self, limit: int, prefix: str) -> Sequence[Idle]:
        return [Idle(*row) for row in self.db.execute(Q["idle_threads"], (prefix, prefix, limit))]

    def size(self) -> Size:
        pages = self.db.pragma("page_count") - self.db.pragma("freelist_count")
        threads: int = self.db.execute(Q["count_threads"]).fetchall()[0][0]  # type: ignore[assignment]
        files: int = self.db.execute(Q["bytes_of_files"]).fetchall()[0][0]  # type: ignore[assignment]
        return Size(threads, pages * self.db.pragma("page_size") + files)

    def epoch(self) -> int:
        row = self.db.execute(Q["epoch"]).fetchone()
        return row[0] if row is not None else 0

    def _one(self, sql: str, value: str) -> Any:
        row = self.db.execute(sql, (value,)).fetchone()
        return row[0] if row is not None else None


def _message(no: int, stream: str, seq: int, at: int, type: str, v: int, data: bytes) -> MessageRow:
    message = stored_message(decode_event(type, v, data))
    assert message is not None, (stream, seq)
    return MessageRow(no=no, stream=stream, seq=seq, at=at, message=message)
