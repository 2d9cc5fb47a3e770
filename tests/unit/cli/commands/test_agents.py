"""`journeyman agents`: the agents of a path."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from journeyman.cli import main
from tests.harness.cli_runner import Shell


def test_agents_are_listed_with_their_models(shell: Shell, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"type: react_agent\nname: {name}\nmodel: offline\n")
    code, out = shell("agents", ".", "--json")
    assert (code, [agent["name"] for agent in json.loads(out)["items"]]) == (0, ["one", "two"])
    cut = json.loads(shell("agents", ".", "--limit", "1", "--json")[1])
    assert (len(cut["items"]), cut["cut"]) == (1, True)


@pytest.mark.parametrize("command", ["agents", "run hi", "chat", "check", "serve --port 0"])
def test_a_folder_without_an_agent_is_named(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    before = signal.getsignal(signal.SIGHUP)  # which `serve` ignores until it listens
    assert main(command.split()) == 3
    signal.signal(signal.SIGHUP, before)
    out, err = capsys.readouterr()
    assert f"There is no agent here: the folder {tmp_path} has no agent.yaml." in out + err
    assert "`journeyman init`" in out + err


@pytest.mark.long
def test_the_doctor_names_a_folder_without_an_agent(shell: Shell, tmp_path: Path) -> None:
    code, out = shell("doctor")
    assert code == 1
    assert f"There is no agent here: the folder {tmp_path}" in out


@pytest.mark.long
@pytest.mark.parametrize("command", ["tools list", "runs list", "threads"])
def test_commands_that_serve_no_agent_need_none(shell: Shell, command: str) -> None:
    assert shell(*command.split())[0] == 0


def test_an_agent_of_settings_needs_no_folder(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_TYPE", "react_agent")
    assert shell("agents")[0] == 0


def test_a_slip_in_a_setting_is_told_and_one_in_who_may_call_stops_the_start(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    monkeypatch.setenv("DATABSE_URL", "memory://")
    code, out = shell("check")
    assert code == 0
    assert "DATABSE_URL is no setting of Journeyman\n    did you mean DATABASE_URL?" in out
    (tmp_path / ".env").write_text("AUTH_MOD=required\n")
    code, out = shell("check")
    assert code == 3
    assert ".env: error: AUTH_MOD is no setting of Journeyman" in out
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\nprompt: ${AUTH_MOD}\n")
    assert shell("check")[0] == 0, "an agent file uses it"
