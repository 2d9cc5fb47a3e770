"""Rows of threads: their queue, message numbers, summaries and contexts; and the contexts of principals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.events.charging import charge
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ContextChanged,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ThreadCreated,
)
from journeyman.events.merge_patch import merge_patch
from journeyman.events.streams import ThreadRef, thread_key_of
from journeyman.events.transcript import stored_message
from journeyman.journal.projection.budget_rows import spend
from journeyman.journal.tables import Run, Tables, Thread


def known_thread(tables: Tables, key: str) -> Thread:
    thread = tables.thread(key)
    assert thread is not None, key
    return thread


def new_thread(key: str, principal: str, at: int) -> Thread:
    return Thread(key=key, principal=principal, thread_id=ThreadRef.parse(key).id, created_at=at, updated_at=at)


def free_slot(tables: Tables, thread: Thread, run: Run, at: int) -> None:
    if thread.active_run != run.id:  # it was cancelled before it started
        thread.queue.remove(run.id)
        return
    thread.active_run = None
    thread.updated_at = at
    if thread.pending:
        for stream, seq in thread.pending:
            if is_pinned(tables, stream, seq):
                thread.pinned.append(thread.next_no)
            number_message(tables, thread, stream, seq)
        thread.pending = []
        tables.drop_pending(thread.key)
    tables.save_thread(thread)


def number_message(tables: Tables, thread: Thread, stream: str, seq: int) -> None:
    tables.add_message(thread.key, thread.next_no, stream, seq)
    thread.next_no += 1


def is_pinned(tables: Tables, stream: str, seq: int) -> bool:
    """Is the message that this event made pinned?"""
    message = stored_message(tables.entries(stream, seq - 1, 1)[0].event)
    return message is not None and message.pinned


def history_summarized(tables: Tables, entry: Entry, event: HistorySummarized, run: Run | None = None) -> None:
    thread = known_thread(tables, run.thread if run else thread_key_of(entry.stream))
    if event.text:
        thread.summary = (entry.stream, entry.seq)
        thread.window_from = max(thread.window_from, event.last_no + 1)
        tables.save_thread(thread)
    if event.reserved is not None and run is not None and not run.copied:
        spend(tables, event.reserved, *charge(event.reserved, event))


def patch_thread(tables: Tables, thread: Thread, event: ContextChanged) -> None:
    thread.context = merge_patch(thread.context, event.patch)
    tables.save_thread(thread)


def patch_global(tables: Tables, principal: str, event: ContextChanged) -> None:
    tables.save_global_context(principal, merge_patch(tables.global_context(principal), event.patch))


def _thread_created(tables: Tables, entry: Entry, event: ThreadCreated) -> None:
    thread = new_thread(thread_key_of(entry.stream), event.principal, entry.at)
    thread.title, thread.meta = event.title, event.meta
    tables.save_thread(thread)


def _thread_message(tables: Tables, entry: Entry, event: MessageAdded) -> None:
    thread = known_thread(tables, thread_key_of(entry.stream))
    if thread.active_run is None:
        if event.message.pinned:
            thread.pinned.append(thread.next_no)
        number_message(tables, thread, entry.stream, entry.seq)
    else:
        thread.pending.append((entry.stream, entry.seq))
        tables.add_pending(thread.key, entry.stream, entry.seq)
    thread.updated_at = entry.at
    tables.save_thread(thread)


def _thread_replaced(tables: Tables, entry: Entry, event: MessageReplaced) -> None:
    thread = known_thread(tables, thread_key_of(entry.stream))
    old, new = (entry.stream, event.seq), (entry.stream, entry.seq)
    thread.pending = [new if place == old else place for place in thread.pending]
    tables.replace_message(thread.key, entry.stream, event.seq, entry.seq)


def _thread_context(tables: Tables, entry: Entry, event: ContextChanged) -> None:
    thread = known_thread(tables, thread_key_of(entry.stream))
    thread.updated_at = entry.at
    patch_thread(tables, thread, event)


IN_THREAD: dict[type[Any], Callable[[Tables, Entry, Any], None]] = {
    ThreadCreated: _thread_created,
    HistorySummarized: history_summarized,
    MessageAdded: _thread_message,
    MessageReplaced: _thread_replaced,
    ContextChanged: _thread_context,
}
