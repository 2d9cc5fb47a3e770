"""The hub that passes facts on."""

from __future__ import annotations

from typing import Any

from journeyman.events.fold import AgentState
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.resilience.signals import BreakerChanged
from journeyman.server.facts import FactHub


def test_each_kind_of_fact_goes_to_its_listeners_in_their_order() -> None:
    hub, heard = FactHub(), list[tuple[str, Any]]()
    hub.on_run(lambda run, drafts: heard.append(("first", run.run_id)))
    hub.on_run(lambda run, drafts: heard.append(("second", run.run_id)))
    hub.on_signal(lambda signal: heard.append(("signal", signal)))
    hub.on_commit(lambda fact: heard.append(("commit", fact)))
    signal, commit = BreakerChanged("gateway", "", "closed", "open"), GroupCommitted(1, 2, 0.5)
    hub.run_committed(AgentState(run_id="run_1"), [])
    hub.signalled(signal)
    hub.group_committed(commit)
    assert heard == [("first", "run_1"), ("second", "run_1"), ("signal", signal), ("commit", commit)]


def test_without_listeners_facts_are_dropped() -> None:
    FactHub().run_committed(AgentState(), [])
