"""What the pytest plugin collects, and the fixture that makes agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.pytest_plugin import AgentTestFile, pytest_collect_file


def test_agent_tests_are_collected_and_nothing_else(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    session: Any = request.session
    assert pytest_collect_file(tmp_path / "agent.yaml", session) is None
    collected = pytest_collect_file(tmp_path / "order.agent-test.yaml", session)
    assert isinstance(collected, AgentTestFile)
    (item,) = collected.collect()
    assert (item.name, item.reportinfo()[2]) == ("order", "agent test order")


async def test_the_fixture_makes_agents_over_scripted_models(agent: Any) -> None:
    made = await agent({"type": "react_agent", "prompt": "Hi."}, turns=[{"text": "Done."}])
    assert (await made.run("Refund order 7")).response == "Done."
