"""What `journeyman run` and its like print of a run that has ended or waits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from journeyman.cli import main
from journeyman.cli.commands.run import follow_to_rest, print_run, run_ahead
from journeyman.cli.output import CommandOutput
from journeyman.errors import ForbiddenError, NotFoundError
from tests.harness.cli_runner import Shell
from tests.harness.scripted_api_client import ScriptedApiClient, described, event


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


QUEUED = {"run_id": "run_2", "thread_id": "t/1", "status": "queued", "waiting_for": "thread"}


@pytest.mark.parametrize(
    ("thread", "ahead", "found"),
    [
        ({"active_run": "run_1"}, {"run_id": "run_1", "status": "paused"}, "run_1"),
        ({"active_run": "run_1"}, {"run_id": "run_1", "status": "running"}, None),
        ({"active_run": None}, None, None),
        (ForbiddenError("no"), None, None),
        (NotFoundError("no"), None, None),
    ],
)
def test_the_paused_run_ahead_of_a_queued_one(thread: object, ahead: object, found: str | None) -> None:
    client: Any = ScriptedApiClient(answers={"GET /threads/t%2F1": [thread], "GET /runs/run_1": [ahead]})
    assert (run_ahead(client, QUEUED) or {}).get("run_id") == found
    assert run_ahead(client, QUEUED | {"status": "running"}) is None


def test_a_run_that_is_queued_behind_an_approval_says_how_to_answer_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(
        "type: react_agent\nname: desk\nmodel: script:turns.yaml\ntools: [{name: calculator, approval: always}]\n"
    )
    (tmp_path / "turns.yaml").write_text("- {tool_calls: [{name: calculator, arguments: {expression: 1+1}}]}\n")
    assert shell("run", "hi", "--thread", "t9")[0] == 6
    code, out = shell("run", "hello", "--thread", "t9")
    assert code == 6
    assert "waits for another run of thread t9 to end.\n" in out
    assert " approve\n" in out.split("to end.")[1]


def test_a_run_that_pauses_for_what_is_not_here_is_not_followed_for_ever() -> None:
    lacks = event(6, "run_paused", lacks={"kind": "tool", "name": "pay"})
    resumed = event(5, "run_resumed")
    client: Any = ScriptedApiClient(
        [event(4, "run_paused", waiting_for=[], lacks={"kind": "gateway", "name": ""}), resumed],
        [resumed, lacks, event(7, "never_read")],
        answers={"GET /runs/r1": [described("running"), described("paused", waiting_reason="No pay.")]},
    )
    assert follow_to_rest(client, "r1", 3)["waiting_reason"] == "No pay."
    assert client.asked("GET") == [
        "GET /runs/r1/events?after=3",
        "GET /runs/r1",
        "GET /runs/r1/events?after=4",
        "GET /runs/r1",
    ], "a pause of the past is followed on"
