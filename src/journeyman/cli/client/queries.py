"""Reads lists and single items for commands: from a server, or from the journal file, opened read-only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from journeyman.auth.principal import LOCAL_NAME
from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.connect import journal_file, running_server
from journeyman.cli.client.server_lists import server_items
from journeyman.errors import ForbiddenError, NotFoundError
from journeyman.events.codec import EVENT_TYPES, Entry, microseconds, rfc3339
from journeyman.events.events import RunFailed
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import Message
from journeyman.events.question import question_of
from journeyman.events.redaction import redacted_arguments, redacted_draft, redacted_message
from journeyman.events.streams import ThreadRef, run_of_stream
from journeyman.journal.journal import (
    ApprovalRow,
    FailureRow,
    Journal,
    MessageRow,
    RunFilter,
    RunRow,
    ThreadRow,
)
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.served.lacks import lack_of_row, sentence_of
from journeyman.runtime.use_cases.explanations import Explanations, explain
from journeyman.runtime.use_cases.run_digests import RunDigest, read_digests

if TYPE_CHECKING:
    from journeyman.agent_tests.recording import Recording
    from journeyman.settings import Settings

T = TypeVar("T")
Item = dict[str, Any]
FILE_PAGE_SIZE = 500
SERVER_PAGE = 200  # the largest page of a server
MAX_ERROR_GROUPS = 200  # of one page, which has no next one
MAX_OPEN_APPROVALS = 10_000  # that are looked through
MAX_RECORDED_EVENTS = 100_000  # of one run, read from a server


class Queries(Protocol):
    """Read access to runs, threads and approvals. Items have the shapes of the HTTP API.

    `own` is the filter of `runs` that leaves only the caller's.
    """

    own: Mapping[str, str]

    def runs(self, where: Mapping[str, str], limit: int) -> list[Item]:
        """Return the newest runs. `where`: the filters of `GET /runs` by name."""
        ...

    def run(self, run_id: str) -> Item:
        """Return one run. Raises NotFoundError."""
        ...

    def events(self, run_id: str, after: int, limit: int) -> list[Item]:
        """Return the run's events after seq `after`. Raises NotFoundError."""
        ...

    def state(self, run_id: str, at: int) -> Item:
        """Return the run's state after event `at`. Raises NotFoundError if there is no such run or event."""
        ...

    def explanations(self, run_id: str) -> Item:
        """Return why the run did what it did, in the shape of `GET /runs/{id}/why`. Raises NotFoundError."""
        ...

    def tool_output(self, run_id: str) -> list[Item]:
        """Return what the run's tools printed in worker processes: nothing if the key may not read it."""
        ...

    def recording(self, run_id: str) -> Recording:
        """Return the run's events with the history that it began with.

        Raises NotFoundError, and StateError (`not_replayable`) for a run that cannot be replayed.
        """
        ...

    def threads(self, limit: int, prefix: str = "") -> list[Item]:
        """Return the threads whose ids begin with `prefix`, those that were used last first, without hidden ones."""
        ...

    def thread(self, thread_id: str) -> Item:
        """Return one thread. Raises NotFoundError."""
        ...

    def messages(self, thread_id: str, limit: int) -> list[Item]:
        """Return the thread's last messages, oldest first. Raises NotFoundError."""
        ...

    def approvals(self, limit: int) -> list[Item]:
        """Return the open approvals."""
        ...

    def approval(self, approval_id: str) -> Item:
        """Return what has become of an approval, in the shape of `GET /approvals/{id}`. Raises NotFoundError."""
        ...

    def errors(self, limit: int) -> list[Item]:
        """Return failed runs in groups by agent and error code, the latest failure first."""
        ...


def queries(settings: Settings, url: str | None, principal: str = LOCAL_NAME) -> Queries:
    """Return the queries of the server at `url`, or without `url` those of the journal file in the settings.

    `principal`: whose threads are read from the file. Raises ConfigurationError if there is no journal file.
    """
    server = running_server(settings, url) if url else None
    return ServerQueries(server) if server else JournalFileQueries(settings, principal)


class ServerQueries:
    """Queries that a server answers over HTTP, or an application in this process."""

    own: Mapping[str, str] = MappingProxyType({})  # a server shows nothing else

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def runs(self, where: Mapping[str, str], limit: int) -> list[Item]:
        return server_items(self._client, "/runs", limit, **where)

    def run(self, run_id: str) -> Item:
        run: Item = self._client.call("GET", f"/runs/{quote(run_id, safe='')}")
        return run

    def events(self, run_id: str, after: int, limit: int) -> list[Item]:
        return server_items(self._client, f"/runs/{quote(run_id, safe='')}/events", limit, after=str(after))

    def state(self, run_id: str, at: int) -> Item:
        state: Item = self._client.call("GET", f"/runs/{quote(run_id, safe='')}/state?at={at}")
        return state

    def explanations(self, run_id: str) -> Item:
        found: Item = self._client.call("GET", f"/runs/{quote(run_id, safe='')}/why")
        return found

    def tool_output(self, run_id: str) -> list[Item]:
        try:
            return server_items(self._client, f"/runs/{quote(run_id, safe='')}/tool_output", FILE_PAGE_SIZE)
        except (ForbiddenError, NotFoundError):  # without the scope `admin`, or of a server before this release
            return []

    def recording(self, run_id: str) -> Recording:
        from journeyman.agent_tests.recording import recording_of  # 0.4 s, needed by few commands

        recorded = recording_of(run_id, [_entry(item) for item in self.events(run_id, 0, MAX_RECORDED_EVENTS)])
        started = recorded.started
        if recorded.accepted.direct is not None or started.last_no < started.first_no:
            return recorded
        thread = quote(ThreadRef.parse(recorded.accepted.thread).id, safe="")
        count = started.last_no - started.first_no + 1
        items = server_items(self._client, f"/threads/{thread}/messages", count, after=str(started.first_no - 1))
        history = tuple(msgspec.convert(item["message"], Message) for item in items)
        return msgspec.structs.replace(recorded, history=history)

    def threads(self, limit: int, prefix: str = "") -> list[Item]:
        return server_items(self._client, "/threads", limit, order="newest", **({"id": prefix} if prefix else {}))

    def thread(self, thread_id: str) -> Item:
        thread: Item = self._client.call("GET", f"/threads/{quote(thread_id, safe='')}")
        return thread

    def messages(self, thread_id: str, limit: int) -> list[Item]:
        earlier = max(0, self.thread(thread_id)["messages"] - limit)
        return server_items(self._client, f"/threads/{quote(thread_id, safe='')}/messages", limit, after=str(earlier))

    def approvals(self, limit: int) -> list[Item]:
        return server_items(self._client, "/approvals", limit)

    def approval(self, approval_id: str) -> Item:
        outcome: Item = self._client.call("GET", f"/approvals/{quote(approval_id, safe='')}")
        return outcome

    def errors(self, limit: int) -> list[Item]:
        return server_items(self._client, "/errors", min(limit, MAX_ERROR_GROUPS))


class JournalFileQueries:
    """Queries over the journal file, opened read-only, so that a running server keeps owning it."""

    def __init__(self, settings: Settings, principal: str) -> None:
        self.own: Mapping[str, str] = {"principal": principal}
        self._path = journal_file(settings)
        self._environment = settings.environment
        self._principal = principal

    def runs(self, where: Mapping[str, str], limit: int) -> list[Item]:
        filters: dict[str, Any] = dict(where)
        if "thread" in filters:
            filters["thread"] = ThreadRef(self._principal, filters["thread"]).key
        for name in filters.keys() & {"since", "until"}:
            filters[name] = microseconds(filters[name])

        async def read(journal: Journal) -> list[Item]:
            rows, found = await _runs(journal, RunFilter(**filters), limit), []
            for first in range(0, len(rows), SERVER_PAGE):
                page = rows[first : first + SERVER_PAGE]
                digests = await read_digests(journal, page)
                found += [_run(row, digests[row.id]) for row in page]
            return found

        return self._read(read)

    def run(self, run_id: str) -> Item:
        async def read(journal: Journal) -> Item:
            row = await _run_row(journal, run_id)
            return _run(row, (await read_digests(journal, [row]))[row.id])

        return self._read(read)

    def events(self, run_id: str, after: int, limit: int) -> list[Item]:
        async def read(journal: Journal) -> list[Entry]:
            await _run_row(journal, run_id)
            found: list[Entry] = []
            while len(found) < limit:
                last = found[-1].seq if found else after
                page = await journal.read(run_id, last, min(FILE_PAGE_SIZE, limit - len(found)))
                found += page
                if not page:
                    break
            return found

        return [_event(redacted_draft(entry)) for entry in self._read(read)]

    def state(self, run_id: str, at: int) -> Item:
        from journeyman.api.responses import state_answer  # imports Starlette, only for this query

        async def read(journal: Journal) -> AgentState:
            row = await _run_row(journal, run_id)
            if at > row.last_seq:
                raise NotFoundError(f"Run {run_id!r} has no event {at}. Its last event is {row.last_seq}.")
            entries = map(redacted_draft, await read_all(journal, run_id, at))
            return fold(run_id, ((entry.seq, entry.at, entry.event) for entry in entries))

        item: Item = msgspec.to_builtins(state_answer(self._read(read)))
        return item

    def explanations(self, run_id: str) -> Item:
        async def read(journal: Journal) -> Explanations:
            await _run_row(journal, run_id)
            entries = map(redacted_draft, await read_all(journal, run_id))
            return explain((entry.seq, entry.at, entry.event) for entry in entries)

        item: Item = msgspec.to_builtins(self._read(read))
        return item

    def tool_output(self, run_id: str) -> list[Item]:
        rows = self._read(lambda journal: journal.tool_outputs(run_id))
        return [{"call": row.call, "tool": row.tool, "at": rfc3339(row.at), "text": row.text} for row in rows]

    def recording(self, run_id: str) -> Recording:
        from journeyman.agent_tests.recording import read_recording  # 0.4 s, needed by few commands

        return self._read(lambda journal: read_recording(journal, run_id, self._environment))

    def threads(self, limit: int, prefix: str = "") -> list[Item]:
        async def read(journal: Journal) -> list[Item]:
            rows = await journal.newest_threads(self._principal, None, limit, prefix)
            return [await _thread(journal, row) for row in rows]

        return self._read(read)

    def thread(self, thread_id: str) -> Item:
        async def read(journal: Journal) -> Item:
            return await _thread(journal, await _thread_row(journal, ThreadRef(self._principal, thread_id)))

        return self._read(read)

    def messages(self, thread_id: str, limit: int) -> list[Item]:
        async def read(journal: Journal) -> list[MessageRow]:
            row = await _thread_row(journal, ThreadRef(self._principal, thread_id))
            return list(await journal.messages(row.key, max(1, row.next_no - limit), row.next_no - 1))

        return [_message(row) for row in self._read(read)]

    def approvals(self, limit: int) -> list[Item]:
        rows = self._read(lambda journal: journal.approvals(None, None, limit))
        return [_approval(row) for row in rows]

    def approval(self, approval_id: str) -> Item:
        async def read(journal: Journal) -> Item:
            row = await journal.approval(approval_id)
            if row is None:
                raise NotFoundError(f"There is no approval {approval_id!r}.")
            run = await _run_row(journal, row.run)
            return {**_approval(row), "decision": row.answer, "answered_by": row.answered_by, "status": run.status}

        return self._read(read)

    def errors(self, limit: int) -> list[Item]:
        async def read(journal: Journal) -> list[Item]:
            return [await _error(journal, row) for row in await journal.failures(None, limit)]

        return self._read(read)

    def _read(self, work: Callable[[Journal], Awaitable[T]]) -> T:
        async def with_journal() -> T:
            journal = SqliteJournal(self._path, read_only=True)
            await journal.open()
            try:
                return await work(journal)
            finally:
                await journal.close()

        return asyncio.run(with_journal())


async def _runs(journal: Journal, where: RunFilter, limit: int) -> list[RunRow]:
    """Return the newest runs that match, however many rows have to be looked through."""
    page = await journal.runs(where, None, limit)
    found = list(page)
    while page.stopped_at is not None and len(found) < limit:
        page = await journal.runs(where, page.stopped_at, limit - len(found))
        found += page
    return found


async def _run_row(journal: Journal, run_id: str) -> RunRow:
    row = await journal.run(run_id)
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}. `journeyman runs list` lists the runs.")
    return row


async def _thread_row(journal: Journal, thread: ThreadRef) -> ThreadRow:
    row = await journal.thread(thread.key)
    if row is None:
        raise NotFoundError(f"There is no thread {thread.id!r}. `journeyman threads` lists the threads.")
    return row


async def _error(journal: Journal, row: FailureRow) -> Item:
    last = await journal.read(row.latest_run, row.last_seq - 1, 1)
    event = last[0].event if last else None
    return {
        "code": row.code,
        "agent": row.agent,
        "message": event.error.message if isinstance(event, RunFailed) else "",
        "count": row.count,
        "first_at": rfc3339(row.first_at),
        "last_at": rfc3339(row.last_at),
        "latest_run": row.latest_run,
        "error_id": row.error_id,
    }


# --- Rows in the shapes of the HTTP API


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def _run(row: RunRow, digest: RunDigest) -> Item:
    item: Item = msgspec.to_builtins(row)
    for name in ("principal", "epoch", "accepted_no"):
        del item[name]
    for name in ("accepted_at", "started_at", "ended_at"):
        item[name] = _time(item[name])
    lacks = item.pop("lacks")
    item["waiting_reason"] = None if lacks is None else sentence_of(lack_of_row(lacks))
    shown: Item = msgspec.to_builtins(digest)
    return {"run_id": item.pop("id"), "thread_id": ThreadRef.parse(item.pop("thread")).id, **item, **shown}


def _event(entry: Entry) -> Item:
    data = msgspec.json.decode(entry.data)
    return {"run_id": entry.stream, "seq": entry.seq, "type": entry.type, "at": rfc3339(entry.at), "data": data}


def _entry(item: Item) -> Entry:
    """Return an event of a response as a journal entry. The server must be of the same release as this command."""
    event_type = EVENT_TYPES[item["type"]]
    return Entry(
        item["run_id"],
        item["seq"],
        item["type"],
        event_type.VERSION,
        microseconds(item["at"]),
        msgspec.json.encode(item["data"]),
    )


async def _thread(journal: Journal, row: ThreadRow) -> Item:
    first = await journal.messages(row.key, 1, 1)
    return {
        "thread_id": row.thread_id,
        "title": row.title,
        "preview": question_of(first[0].message, None) if first else "",
        "meta": row.meta,
        "active_run": row.active_run,
        "messages": row.next_no - 1,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


def _message(row: MessageRow) -> Item:
    return {
        "no": row.no,
        "run_id": run_of_stream(row.stream),
        "at": rfc3339(row.at),
        "message": msgspec.to_builtins(redacted_message(row.message)),
    }


def _approval(row: ApprovalRow) -> Item:
    return {
        "approval": row.id,
        "run_id": row.run,
        "principal": row.principal,
        "kind": row.kind,
        "call": row.call,
        "tool": row.tool,
        "arguments": redacted_arguments(row.arguments, row.hidden),
        "message": row.message,
        "decisions": row.decisions,
        "requested_at": rfc3339(row.requested_at),
        "result": row.result,
        "deadline": _time(row.deadline),
        "default": row.default,
        "answerer": row.answerer,
        "requested_by": row.principal,
    }
