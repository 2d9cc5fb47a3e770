"""Requirement: one log line a run, with its ids; logging never gets between a run and its answer."""

from __future__ import annotations

import logging

import pytest

from journeyman import AgentFactory


async def test_a_run_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "journeyman")
    agent = await AgentFactory({"type": "react_agent", "model": "offline"}).create_agent()

    result = await agent.run("Hello", thread_id="greeting")
    await agent.aclose()

    lines = [record for record in caplog.records if getattr(record, "run_id", None) == result.run_id]
    assert [record.getMessage() for record in lines] == [f"run finished: /runs/{result.run_id}"]
    assert getattr(lines[0], "thread_id", None) == "greeting"
