"""The projection of an event to the rows that it changes.

Applied to all entries in the order in which they were appended, `project` makes the same rows again. The exceptions
are not in the events: `Run.epoch` (raised by take-overs), idempotency records, agent definitions, and what the runs of
erased threads did to a global context.
"""

from __future__ import annotations

from journeyman.events.attachments import HOLDERS, attached_files
from journeyman.events.codec import Entry
from journeyman.events.events import ContextChanged, Event, RunAccepted
from journeyman.events.streams import is_run, is_thread, principal_of_stream, thread_key_of
from journeyman.journal.projection.run_rows import RUN_HANDLERS, run_accepted
from journeyman.journal.projection.thread_rows import THREAD_HANDLERS, patch_global
from journeyman.journal.tables import Run, Tables, require_run


def project(tables: Tables, entry: Entry, event: Event) -> None:
    """Change the rows according to an entry. `event` is the entry's event, decoded."""
    if is_thread(entry.stream):
        if (in_thread := THREAD_HANDLERS.get(type(event))) is not None:
            in_thread(tables, entry, event)
        if type(event) in HOLDERS:
            _refer_files(tables, thread_key_of(entry.stream), event)
    elif not is_run(entry.stream):
        if type(event) is ContextChanged:
            patch_global(tables, principal_of_stream(entry.stream), event)
    elif type(event) is RunAccepted:
        run_accepted(tables, entry, event)
        _refer_files(tables, event.thread, event)
    else:
        project_step(tables, entry, event, require_run(tables, entry.stream))


def project_step(tables: Tables, entry: Entry, event: Event, run: Run) -> None:
    """Change the rows according to an entry of an accepted run."""
    run.last_seq = entry.seq
    if (in_run := RUN_HANDLERS.get(type(event))) is not None:
        in_run(tables, entry, event, run)
    if type(event) in HOLDERS:
        _refer_files(tables, run.thread, event)


def _refer_files(tables: Tables, thread: str, event: Event) -> None:
    """Store which files the event's message names: they are kept as long as the thread."""
    for id in attached_files(event):
        tables.refer_file(thread, id)
