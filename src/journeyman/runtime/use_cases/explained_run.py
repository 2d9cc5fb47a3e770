"""Reads a run and explains it, with the conditions under which the tools of its agent ask."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.agents.spec import NewerDefinitionError
from journeyman.events.redaction import redacted_draft
from journeyman.journal.journal import Journal, RunRow
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.served.lacks import LackingError
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.explanations import Explanations, explain


async def explained_run(journal: Journal, versions: VersionResolver, row: RunRow) -> Explanations:
    """Return why the run asked, waited, retried, stopped, and what it cost, in sentences."""
    entries = map(redacted_draft, await read_all(journal, row.id))
    events = ((entry.seq, entry.at, entry.event) for entry in entries)
    return explain(events, await _conditions(versions, row))


async def _conditions(versions: VersionResolver, row: RunRow) -> Mapping[str, str]:
    """Return when the tools of the run's agent ask, by their names. Empty: the agent is not here."""
    if row.version is None:
        return {}
    try:
        agent = await versions.of_version(row.agent or "", row.version)
    except (LackingError, NewerDefinitionError):
        return {}
    return {spec.name: spec.policy.approval.when for spec in agent.spec.tools}
