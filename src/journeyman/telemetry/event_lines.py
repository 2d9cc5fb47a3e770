"""Every committed event of a run as a log line: for whoever debugs, with `DEBUG`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from journeyman.events.codec import Draft
from journeyman.events.state import AgentState
from journeyman.events.veil import shown_data

_LOG = logging.getLogger(__name__)


def log_events(run: AgentState, drafts: Sequence[Draft]) -> None:
    """One line an event: its type, the run, its data as stored (secrets replaced), cut like any long field."""
    for draft in drafts:
        _LOG.info("event %s", draft.type, extra={"run_id": run.run_id, "event": shown_data(draft.data).decode()})
