"""The rows of threads (slot, message numbers, summary, context) and the contexts of principals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.errors import HistoryUnreadableError
from journeyman.events.charging import charge
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ContextChanged,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ThreadCreated,
    ThreadRenamed,
)
from journeyman.events.merge_patch import merge_patch
from journeyman.events.streams import ThreadRef, thread_key_of
from journeyman.events.transcript import stored_message
from journeyman.journal.projection.budget_rows import spend
from journeyman.journal.tables import Run, Tables, Thread, require_thread


def new_thread(key: str, principal: str, at: int) -> Thread:
    """Return an empty thread, created at `at`."""
    return Thread(key=key, principal=principal, thread_id=ThreadRef.parse(key).id, created_at=at, updated_at=at)


def free_slot(tables: Tables, thread: Thread, run: Run, at: int) -> None:
    """Take an ended run out of its thread. Messages that waited for its end get their numbers."""
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
    """Give the message of an event the thread's next number."""
    tables.add_message(thread.key, thread.next_no, stream, seq)
    thread.next_no += 1


def is_pinned(tables: Tables, stream: str, seq: int) -> bool:
    """Return whether the message of an event is pinned."""
    try:
        message = stored_message(tables.entries(stream, seq - 1, 1)[0].event)
    except HistoryUnreadableError:
        return False
    return message is not None and message.pinned


def history_summarized(tables: Tables, entry: Entry, event: HistorySummarized, run: Run | None = None) -> None:
    """Store where the thread's newest summary is, and charge the run that asked for it."""
    thread = require_thread(tables, run.thread if run else thread_key_of(entry.stream))
    if event.text:
        thread.summary = (entry.stream, entry.seq)
        thread.window_from = max(thread.window_from, event.last_no + 1)
        tables.save_thread(thread)
    if event.reserved is not None and run is not None and not run.copied:
        spend(tables, event.reserved, *charge(event.reserved, event))


def patch_thread(tables: Tables, thread: Thread, event: ContextChanged) -> None:
    """Change the context of a thread."""
    thread.context = merge_patch(thread.context, event.patch)
    tables.save_thread(thread)


def patch_global(tables: Tables, principal: str, event: ContextChanged) -> None:
    """Change the context of a principal."""
    tables.save_global_context(principal, merge_patch(tables.global_context(principal), event.patch))


def _thread_created(tables: Tables, entry: Entry, event: ThreadCreated) -> None:
    thread = new_thread(thread_key_of(entry.stream), event.principal, entry.at)
    thread.title, thread.meta = event.title, event.meta
    tables.save_thread(thread)


def _thread_renamed(tables: Tables, entry: Entry, event: ThreadRenamed) -> None:
    """Change the title alone: a thread with another name was not used."""
    thread = require_thread(tables, thread_key_of(entry.stream))
    thread.title = event.title
    tables.save_thread(thread)


def _message_added(tables: Tables, entry: Entry, event: MessageAdded) -> None:
    thread = require_thread(tables, thread_key_of(entry.stream))
    if thread.active_run is None:
        if event.message.pinned:
            thread.pinned.append(thread.next_no)
        number_message(tables, thread, entry.stream, entry.seq)
    else:
        thread.pending.append((entry.stream, entry.seq))
        tables.add_pending(thread.key, entry.stream, entry.seq)
    thread.updated_at = entry.at
    tables.save_thread(thread)


def _message_replaced(tables: Tables, entry: Entry, event: MessageReplaced) -> None:
    thread = require_thread(tables, thread_key_of(entry.stream))
    old, new = (entry.stream, event.seq), (entry.stream, entry.seq)
    thread.pending = [new if pending == old else pending for pending in thread.pending]
    tables.replace_message(thread.key, entry.stream, event.seq, entry.seq)


def _context_changed(tables: Tables, entry: Entry, event: ContextChanged) -> None:
    thread = require_thread(tables, thread_key_of(entry.stream))
    thread.updated_at = entry.at
    patch_thread(tables, thread, event)


# For events in the stream of a thread.
THREAD_HANDLERS: dict[type[Any], Callable[[Tables, Entry, Any], None]] = {
    ThreadCreated: _thread_created,
    ThreadRenamed: _thread_renamed,
    HistorySummarized: history_summarized,
    MessageAdded: _message_added,
    MessageReplaced: _message_replaced,
    ContextChanged: _context_changed,
}
