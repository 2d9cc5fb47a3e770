"""Use cases of threads and contexts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from journeyman.errors import NotFoundError, StateError
from journeyman.events.events import CancelRequested, ContextChanged, Event, MessageAdded, ThreadCreated, ThreadRenamed
from journeyman.events.messages import JSON, Message
from journeyman.events.question import question_of
from journeyman.events.redaction import redacted_message
from journeyman.events.streams import (
    EventRef,
    ThreadRef,
    last_hidden_key,
    principal_stream,
    share_of,
    thread_key_of,
    thread_stream,
)
from journeyman.files.incoming import with_files_stored
from journeyman.journal.journal import (
    OPEN,
    Append,
    Batch,
    MessageRow,
    RunFilter,
    RunRow,
    ThreadRow,
)
from journeyman.runtime.engine.context_limits import check_context, check_thread_id
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.use_cases.idempotency import idempotency_claim
from journeyman.runtime.use_cases.requests import IdempotencyKey

PAGE = 200
SEARCHED = 2_000  # threads that one search looks at, until its page is answered
ERASE_SECONDS = 15.0  # for which an erasure waits for each run of the thread to end


class Threads:
    """Creates, reads, changes and erases threads.

    Every method takes the caller's principal and raises NotFoundError for the thread of another principal.
    """

    def __init__(self, parts: RunParts, scheduler: RunScheduler) -> None:
        self._journal = parts.journal
        self._scheduler = scheduler
        self._codec = parts.codec
        self._files = parts.files
        self._clock = parts.clock
        self._ids = parts.ids

    async def create(
        self,
        principal: str,
        thread_id: str | None,
        title: str = "",
        meta: dict[str, JSON] | None = None,
        *,
        key: IdempotencyKey | None = None,
    ) -> ThreadRow:
        """Create a thread; without `thread_id` the server makes an id.

        Raises StateError (`thread_exists`), ValidationError (the id), IdempotencyError.
        """
        thread_id = self._ids.new("thread") if thread_id is None else check_thread_id(thread_id)
        event = ThreadCreated(thread_id=thread_id, principal=principal, title=title, meta=meta or {})
        created = await self._append(ThreadRef(principal, thread_id).stream, event, principal, key)
        return await self.get(principal, ThreadRef.parse(thread_key_of(created.stream)).id)

    async def get(self, principal: str, thread_id: str) -> ThreadRow:
        """Return a thread. Raises NotFoundError."""
        row = await self._journal.thread(ThreadRef(principal, thread_id).key)
        if row is None:
            raise NotFoundError(f"There is no thread {thread_id!r}.")
        return row

    async def rename(self, principal: str, thread_id: str, title: str) -> ThreadRow:
        """Give a thread another title; an empty one takes the title away. Raises NotFoundError."""
        row = await self.get(principal, thread_id)
        if row.title != title:
            await self._append(thread_stream(row.key), ThreadRenamed(title=title), principal)
        return await self.get(principal, thread_id)

    async def list(self, principal: str, cursor: str | None, limit: int) -> Sequence[ThreadRow]:
        """Return threads in the order of their ids. The cursor of the next page is the last row's key.

        Hidden threads, those of direct tool calls and child runs, are left out.
        """
        return await self._journal.threads(principal, cursor or last_hidden_key(principal), limit)

    async def newest(
        self, principal: str, cursor: tuple[int, str] | None, limit: int, prefix: str = ""
    ) -> Sequence[ThreadRow]:
        """Return threads whose ids begin with `prefix`, those that were updated last first, without hidden ones.

        The cursor of the next page is (`updated_at`, `key`) of the last row.
        """
        return await self._journal.newest_threads(principal, cursor, limit, prefix)

    async def previews(self, rows: Sequence[ThreadRow]) -> Mapping[str, str]:
        """Return the beginning of the first message of each thread, on one line, by the threads' keys."""
        return {row.key: await self._preview(row) for row in rows}

    async def _preview(self, row: ThreadRow) -> str:
        first = await self._journal.messages(row.key, 1, 1) if row.next_no > 1 else ()
        return question_of(first[0].message, None) if first else ""

    async def search(
        self, principal: str, text: str, cursor: tuple[int, str] | None, limit: int
    ) -> tuple[Sequence[ThreadRow], tuple[int, str] | None]:
        """Return threads with `text` in their id, title or first message, whatever its case.

        Those that were updated last come first. The second value is the cursor at which the search was broken off,
        after SEARCHED threads; None: it has seen all, or found `limit`.
        """
        found: list[ThreadRow] = []
        wanted = text.casefold()
        for _ in range(SEARCHED // PAGE):
            rows = await self._journal.newest_threads(principal, cursor, PAGE)
            for row in rows:
                shown = (row.thread_id, row.title, await self._preview(row))
                if any(wanted in each.casefold() for each in shown):
                    found.append(row)
                if len(found) == limit:
                    return found, None
            if len(rows) < PAGE:
                return found, None
            cursor = (rows[-1].updated_at, rows[-1].key)
        return found, cursor

    async def erase(self, principal: str, thread_id: str) -> None:
        """Cancel the thread's runs, then delete the thread, its messages and files, and the threads of child runs."""
        row = await self.get(principal, thread_id)
        await self._erase(row.key, principal)
        await self._files.collect()

    async def _erase(self, key: str, principal: str) -> None:
        await self._cancel_all(key, principal)
        async for child in self._child_threads(key):
            await self._erase(child, principal)
        await self._journal.erase_thread(key, self._clock.now(), principal)

    async def erase_idle(self, key: str, by: str) -> bool:
        """Delete a thread without an open run, with the threads of child runs. Returns whether it was deleted."""
        children = [child async for child in self._child_threads(key)]
        try:
            erased = await self._journal.erase_thread(key, self._clock.now(), by)
        except StateError:  # a run began meanwhile
            return False
        for child in children:
            await self.erase_idle(child, by)
        return erased

    async def _child_threads(self, key: str) -> AsyncIterator[str]:
        """Yield the hidden threads of the child runs that runs of this thread have started."""
        async for run in self._runs(RunFilter(thread=key)):
            async for child in self._runs(RunFilter(parent=run.id)):
                yield child.thread

    async def _runs(self, where: RunFilter) -> AsyncIterator[RunRow]:
        cursor: int | None = None
        while (page := await self._journal.runs(where, cursor, PAGE)) or page.stopped_at is not None:
            for row in page:
                yield row
            cursor = page[-1].accepted_no if page.stopped_at is None else page.stopped_at

    async def _cancel_all(self, key: str, principal: str) -> None:
        for status in OPEN:
            for run in await self._journal.runs(RunFilter(thread=key, status=status)):
                await self._cancel(run.id, principal)
                await self._scheduler.wait(run.id, key, ERASE_SECONDS, lambda: self._ended(run.id))  # noqa: B023

    async def _cancel(self, run_id: str, principal: str) -> None:
        try:
            await self._scheduler.commit_and_notify(
                self._batch(run_id, CancelRequested(by=principal, reason="erased")), urgent=True
            )
        except StateError as exc:
            if exc.code != "run_ended":
                raise

    async def _ended(self, run_id: str) -> bool:
        row = await self._journal.run(run_id)
        return row is None or row.ended_at is not None

    async def messages(self, principal: str, thread_id: str, after: int, limit: int) -> Sequence[MessageRow]:
        """Return the numbered messages after number `after`, in order."""
        row = await self.get(principal, thread_id)
        rows = await self._journal.messages(row.key, after + 1, min(after + limit, row.next_no - 1))
        return [msgspec.structs.replace(row, message=redacted_message(row.message)) for row in rows]

    async def add_message(
        self, principal: str, thread_id: str, message: Message, *, key: IdempotencyKey | None = None
    ) -> int | None:
        """Add a message without a run, and return its number.

        Returns None while the thread has a run in progress: the message is numbered when that ends.
        """
        thread = ThreadRef(principal, thread_id)
        message = await with_files_stored(self._files, principal, message)
        event = MessageAdded(message=message, by=principal)
        added = await self._append(thread.stream, event, principal, key)
        return await self._journal.message_no(thread.key, added.stream, added.seq)

    async def patch_context(self, principal: str, thread_id: str, patch: dict[str, JSON]) -> dict[str, JSON]:
        """Apply a JSON Merge Patch to the thread's context and return it. Raises ValidationError over 32 KiB."""
        row = await self.get(principal, thread_id)
        check_context(row.context, patch)
        await self._append(thread_stream(row.key), ContextChanged(scope="thread", patch=patch), principal)
        return (await self.get(principal, thread_id)).context

    async def global_context(self, principal: str) -> dict[str, JSON]:
        """Return the principal's own context, which its threads share."""
        return await self._journal.global_context(principal)

    async def patch_global_context(self, principal: str, patch: dict[str, JSON]) -> dict[str, JSON]:
        """Apply a JSON Merge Patch to the principal's context and return it. Raises ValidationError over 32 KiB."""
        check_context(await self._journal.global_context(principal), patch)
        await self._append(principal_stream(principal), ContextChanged(scope="global", patch=patch), principal)
        return await self._journal.global_context(principal)

    async def _append(self, stream: str, event: Event, principal: str, key: IdempotencyKey | None = None) -> EventRef:
        """Append an event and return its name, or that of the event that an earlier request with the key appended.

        Raises ResourceError (`overloaded`) while too many requests wait to be written.
        """
        at = self._clock.now()
        batch = Batch(
            at=at,
            appends=(Append(stream=stream, drafts=(self._codec.draft(event),)),),
            claim=idempotency_claim(principal, key, at),
            accept=True,
            owner=share_of(principal, stream),
        )
        committed = await self._journal.commit(batch)
        if committed.replay is not None:
            return EventRef.parse(committed.replay)
        return EventRef(stream, committed.entries[0].seq)

    def _batch(self, stream: str, event: Event) -> Batch:
        append = Append(stream=stream, drafts=(self._codec.draft(event),))
        return Batch(at=self._clock.now(), appends=(append,))
