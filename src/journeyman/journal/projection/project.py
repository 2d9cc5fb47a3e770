"""Event -> rows: the one place that knows which rows an event makes.

Fed with all entries in the order of their appending, `project` makes the same rows again; only `Run.epoch` (raised
by take-overs), claims, definitions and what erased runs did to a global context are not in the events.
"""

from __future__ import annotations

from journeyman.events.codec import Entry
from journeyman.events.events import (
    ContextChanged,
    Event,
    RunAccepted,
)
from journeyman.events.streams import is_run, is_thread, principal_of_stream
from journeyman.journal.projection.run_rows import IN_RUN, run_accepted
from journeyman.journal.projection.thread_rows import IN_THREAD, patch_global
from journeyman.journal.tables import Run, Tables


def project(tables: Tables, entry: Entry, event: Event) -> None:
    """Change the rows as this entry says. `event` is the entry's event, decoded."""
    if is_thread(entry.stream):
        if (in_thread := IN_THREAD.get(type(event))) is not None:
            in_thread(tables, entry, event)
    elif not is_run(entry.stream):
        if type(event) is ContextChanged:
            patch_global(tables, principal_of_stream(entry.stream), event)
    elif type(event) is RunAccepted:
        run_accepted(tables, entry, event)
    else:
        project_step(tables, entry, event, known_run(tables, entry.stream))


def project_step(tables: Tables, entry: Entry, event: Event, run: Run) -> None:
    """`project` for an event of an accepted run."""
    run.last_seq = entry.seq
    if (in_run := IN_RUN.get(type(event))) is not None:
        in_run(tables, entry, event, run)


def known_run(tables: Tables, id: str) -> Run:
    run = tables.run(id)
    assert run is not None, id
    return run
