from __future__ import annotations

from pathlib import Path

from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.parsing import parse_test
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.run_test import AgentTestResult, update
from journeyman.agent_tests.writing import file_text, updated_text
from journeyman.events.events import (
    RunFinished,
)
from tests.harness.recorded_run import EVENTS, RECORDING


def test_an_update_leaves_everything_around_the_recording_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.agent-test.yaml"
    text = file_text(RECORDING, agent=None, description="d")
    path.write_text(f"# mine\n{text}\n# mine too\nexpect:\n  status: finished  # always\n")
    test = parse_test(path.read_bytes(), path)
    today = Recording(events=(*EVENTS[:-1], RunFinished(output="Other.")), started_at=RECORDING.started_at)
    result = AgentTestResult(path=path, name="d", comparison=Comparison(differences=(Difference("x"),)), today=today)
    updated = update(result, test)
    assert (updated.passed, updated.updated) == (True, True)
    written = path.read_text()
    assert written.startswith("# mine\n# A run as a test")
    assert written.endswith("expect:\n  status: finished  # always\n")
    assert "output: Other." in written
    assert "Sorry." not in written
    assert updated_text(written, parse_test(path.read_bytes(), path).document, today) == written
