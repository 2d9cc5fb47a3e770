from __future__ import annotations

from pathlib import Path

from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.parsing import parse_test
from journeyman.agent_tests.run_test import AgentTestResult, update
from journeyman.agent_tests.writing import file_text
from journeyman.errors import StateError
from tests.harness.recorded_run import RECORDING


def test_a_run_that_lacks_replies_is_not_updated(tmp_path: Path) -> None:
    path = tmp_path / "x.agent-test.yaml"
    path.write_text(file_text(RECORDING, agent=None, description="d"))
    before = path.read_text()
    failed = Comparison(differences=(Difference("m3 has no reply"),))
    result = update(AgentTestResult(path=path, name="d", comparison=failed), parse_test(path.read_bytes(), path))
    assert isinstance(result.problem, StateError)
    assert "Run it again" in result.text()
    assert path.read_text() == before
