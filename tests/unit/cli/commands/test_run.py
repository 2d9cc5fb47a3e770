"""What `journeyman run` and its like print of a run that has ended or waits."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from journeyman.cli import main
from journeyman.cli.commands.run import print_run
from journeyman.cli.output import CommandOutput
from tests.harness.cli_runner import Shell


def printed(arguments: str = "", **run: object) -> str:
    stream = io.StringIO()
    print_run(CommandOutput(stream=stream), {"run_id": "run_1", "status": "failed", **run}, arguments)
    return stream.getvalue()


def test_a_failed_run_names_itself_and_its_retry() -> None:
    said = printed(" desk", error={"code": "limit", "message": "no more"})
    assert said == (
        "failed: no more [limit]\n"
        "Run run_1 has failed. To go on from before the failure: journeyman runs retry run_1 desk\n"
    )


def test_a_run_that_met_an_open_breaker_says_that_no_model_was_asked() -> None:
    said = printed(error={"code": "gateway_circuit_open", "message": "try again in 1.2 seconds"})
    assert "no model was asked" in said
    assert "After the pause that is named above: journeyman runs retry run_1\n" in said


def test_a_failed_tool_call_names_no_retry() -> None:
    assert "retry" not in printed(status="finished", error={"code": "tool_failed", "message": "no"})


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_a_run_that_its_gateway_refused_names_itself(
    json: tuple[str, ...], shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: desk\nmodel: script:turns.yaml\n")
    (tmp_path / "turns.yaml").write_text("- {error: auth}\n")
    assert main(["run", "hi", *json]) == 1
    said = capsys.readouterr().err
    failed = shell("runs", "list", "--status", "failed", "--json")[1].split('"run_id": "')[1].split('"')[0]
    assert (f'"run_id": "{failed}"' if json else f"journeyman runs retry {failed}\n") in said
