"""The command line over real parts: an agent, tools, a journal file, no server. SPEC 11; exit codes of the page."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeyman.cli import main
from journeyman.settings import Settings
from tests.harness.root_logger import restored

SUPPORT = Path(__file__).parents[2] / "examples" / "support"


class Shell:
    """Runs commands in this process and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str) -> tuple[int, str]:
        code = main(arguments)
        out, self.err = self._capsys.readouterr()
        return code, out

    def json(self, *arguments: str) -> Any:
        code, out = self(*arguments, "--json")
        return json.loads(out) | {"code": code}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """In an empty folder with a copy of the support agent, without any of our variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    shutil.copytree(SUPPORT, tmp_path / "support", ignore=shutil.ignore_patterns("var", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    with restored():
        yield Shell(capsys)


def test_a_run_and_what_reading_commands_say_of_it(shell: Shell) -> None:
    code, out = shell("run", "Where is order 1042?", "support")
    assert (code, "Rotterdam" in out) == (0, True)
    [run] = shell.json("runs", "list")["items"]
    assert (run["status"], run["agent"], run["thread_id"].startswith("thread_")) == ("finished", "support", True)
    events = [json.loads(line) for line in shell("runs", "events", run["run_id"], "--json")[1].splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run_finished"
    assert shell.json("runs", "show", run["run_id"])["run_id"] == run["run_id"]
    [thread] = shell.json("threads")["items"]
    assert thread["messages"] == 4
    code, out = shell("threads", "show", thread["thread_id"])
    assert "lookup_order" in out
    assert shell.json("runs", "list", "--tool", "lookup_order")["items"] == [run]
    assert shell.json("runs", "list", "--status", "failed")["items"] == []


def test_the_picture_of_an_agent(shell: Shell) -> None:
    code, out = shell("graph", "support")
    assert (code, out.splitlines()[:2]) == (0, ["flowchart TD", "    Start([start]) --> llm"])
    assert {"from": "tools", "to": "llm"} in shell.json("graph", "support")["edges"]
    assert shell("graph", "support", "--format", "json")[1] == shell("graph", "support", "--json")[1]
    assert shell("graph", "support", "--agent", "nobody")[0] == 4


def test_an_approval_asked_answered_and_done_once(shell: Shell) -> None:
    code, out = shell("run", "Refund order 1044, amount 120", "support")
    assert (code, "journeyman approvals answer" in out) == (6, True)
    [approval] = shell.json("approvals")["items"]
    assert (approval["tool"], approval["decisions"]) == ("refund", ["approve", "deny"])
    code, out = shell("approvals", "answer", "last", "approve", "support")
    assert (code, "120" in out) == (0, True)
    assert len(Path("support/var/refunds.jsonl").read_text().splitlines()) == 1
    assert shell("approvals", "answer", approval["approval"], "approve", "support")[0] == 4
    assert shell("approvals", "answer", approval["approval"], "perhaps")[0] == 2


def test_tools(shell: Shell) -> None:
    assert {item["name"] for item in shell.json("tools", "list", "support")["items"]} >= {"lookup_order", "calculator"}
    order = '{"order_id": "1041"}'
    for more in ([], ["--inline"]):
        code, out = shell("tools", "call", "lookup_order", "--json", order, "support", *more)
        assert (code, json.loads(out)["status"]) == (0, "delivered")
    assert shell("tools", "call", "lookup_order", "--json", '{"order_id": "9"}', "support", "--inline")[0] == 1
    assert shell("tools", "call", "nope", "support", "--inline")[0] == 4
    assert shell("tools", "call", "lookup_order", "--json", "[1]", "support")[0] == 2
    assert shell.json("tools", "check", "support/tools")["ok"] is True


def test_check_reports_every_problem_with_its_place(shell: Shell) -> None:
    assert shell("check", "support")[0] == 0
    Path("support/agent.yaml").write_text("type: react_agent\nname: support\ntoolz: [x]\ntools: [nope]\n")
    Path("support/tools/broken.py").write_text("def (:\n")
    report = shell.json("check", "support")
    places = {(Path(problem["file"]).name, problem["line"]) for problem in report["problems"]}
    assert (report["code"], report["ok"]) == (3, False)
    assert places >= {("agent.yaml", 3), ("agent.yaml", 4), ("broken.py", 1)}
    code, out = shell("check", "support")
    assert (code, "support/agent.yaml:3:1: error: " in out) == (3, True)


def test_init_makes_a_project_that_answers(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("init", "trip")[0] == 0
    assert shell("init", "trip")[0] == 3
    monkeypatch.chdir("trip")
    assert shell("check")[0] == 0
    code, out = shell("run", "What is the distance? origin: Oslo, destination: Rome")
    assert (code, "2007 km" in out or " km" in out) == (0, True)


def test_agents_and_schema(shell: Shell) -> None:
    [agent] = shell.json("agents", "support")["items"]
    assert (agent["name"], agent["model"]["name"]) == ("support", "offline")
    code, out = shell("schema")
    assert (code, "properties" in json.loads(out)) == (0, True)


def test_doctor(shell: Shell) -> None:
    findings = {item["what"]: item["state"] for item in shell.json("doctor", "support")["findings"]}
    of_the_machine = {findings.pop(name) for name in ("open files", "sandbox", "disk", "address")}
    assert of_the_machine <= {"fine", "warning", "broken"}
    wanted = ("journeyman", "python", "parts", "sqlite", "settings", "journal", "server", "clock", "files")
    assert findings == dict.fromkeys((*wanted, "callers", "tls", "agents", "mcp", "redis"), "fine")


def test_doctor_beside_a_journal_says_what_is_wrong_with_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("run", "Where is order 1042?", "support")[0] == 0
    Path("journeyman.db").chmod(0o644)
    monkeypatch.setenv("AUTH_MODE", "required")
    found = {item["what"]: item for item in shell.json("doctor", "support")["findings"]}
    assert "MB, schema" in found["journal"]["text"]
    assert found["callers"]["state"] == "warning"
    assert shell("keys", "create", "admin", "--scopes", "admin")[0] == 0
    found = {item["what"]: item for item in shell.json("doctor", "support")["findings"]}
    assert (found["callers"]["state"], found["callers"]["text"]) == ("fine", "1 keys")
    Path("journeyman.db").write_bytes(b"not a journal" * 1000)
    code, out = shell("doctor", "support")
    assert (code, "bad  journal" in out, "is not a journal" in out) == (1, True, True)


def test_refusals_have_their_codes(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("runs", "list")[0] == 3  # no journal yet
    assert shell("threads", "--url", "http://127.0.0.1:1")[0] == 5
    assert shell("nonsense")[0] == 2
    monkeypatch.setenv("PORT", "http")
    assert shell("runs", "list", "--json")[0] == 3
    assert json.loads(shell.err)["code"] == "configuration_error"


def test_chat_without_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("Where is order 1043?\n\nFind customer lin@example.com\n")
    with lines.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        code, out = shell("chat", "support")
    assert code == 0
    assert '· lookup_order(order_id="1043")' in out
    assert "Lin Okafor" in out
    assert len(shell.json("threads")["items"]) == 1


def test_time_travel(shell: Shell) -> None:
    """SPEC 8: a run's state at any seq, and a new run from there; the old one stays."""
    shell("run", "Where is order 1042?", "support")
    [run] = shell.json("runs", "list")["items"]
    assert shell.json("runs", "show", run["run_id"], "--at", "2")["messages"][0]["content"][0]["text"].startswith(
        "Where"
    )
    code, out = shell("runs", "show", run["run_id"], "--at", "6")
    assert (code, "lookup_order" in out, "Rotterdam" in out) == (0, True, True)
    assert shell("runs", "show", run["run_id"], "--at", "99")[0] == 4
    fork = ("runs", "fork", run["run_id"][:20], "--at")
    code, out = shell(*fork, "2", "support", "--replace", "1=Refund order 1044, amount 120")
    assert (code, "journeyman approvals answer" in out) == (6, True)
    forked = shell.json(*fork, "2", "support", "--prompt", "Be brief.", "--context", '{"vip": true}')
    assert (forked["code"], forked["status"], "Rotterdam" in forked["response"]) == (0, "finished", True)
    shown = shell.json("runs", "show", forked["run_id"])
    assert shown["version"] != run["version"]
    assert shell.json("runs", "show", run["run_id"])["last_seq"] == run["last_seq"]
    assert shell(*fork, str(run["last_seq"]), "support")[0] == 1
    assert shell(*fork, "2", "support", "--replace", "one")[0] == 2


def test_a_failed_run_goes_on(shell: Shell) -> None:
    """A new run on the same thread; the old one stays failed."""
    folder = Path("desk")
    folder.mkdir()
    (folder / "agent.yaml").write_text("type: react_agent\nname: desk\nmodel: script:turns.yaml\n")
    (folder / "turns.yaml").write_text("- {text: Hi.}\n- {error: auth}\n- {text: Here I am.}\n")
    assert shell("run", "hello", "desk", "--thread", "t")[0] == 0
    assert shell("run", "where are you?", "desk", "--thread", "t")[0] == 1
    run = shell.json("runs", "list")["items"][0]
    retried = shell.json("runs", "retry", run["run_id"], "desk")
    assert (retried["code"], retried["response"]) == (0, "Here I am.")
    assert retried["thread_id"] == run["thread_id"]
    accepted = json.loads(shell("runs", "events", retried["run_id"], "--json")[1].splitlines()[0])
    assert accepted["data"]["retries"] == run["run_id"]
    replayed = shell.json("runs", "replay", retried["run_id"], "desk")
    assert (replayed["code"], replayed["equal"]) == (0, True), replayed
    file = "desk/tests/again.agent-test.yaml"
    assert shell("runs", "export", retried["run_id"], "desk", "--as-test", "-o", file)[0] == 0
    assert "number" not in Path(file).read_text()
    assert shell("test", file, "--agent", "desk")[0] == 0
    assert shell.json("runs", "show", run["run_id"])["status"] == "failed"
    assert shell("runs", "retry", run["run_id"], "desk")[0] == 1
    assert f"Fork run {run['run_id']} instead" in shell.err


def test_a_run_becomes_a_test_that_names_what_changed(shell: Shell) -> None:
    """SPEC 11: `runs export --as-test` and `test`, with --update and --junit; `runs replay`."""
    shell("run", "Where is order 1042?", "support")
    [run] = shell.json("runs", "list")["items"]
    assert shell("runs", "replay", run["run_id"])[0] == 4
    assert "There is no agent 'support' here" in shell.err
    replayed = shell.json("runs", "replay", run["run_id"], "support")
    assert (replayed["code"], replayed["equal"], replayed["events"]) == (0, True, 9)
    file = "support/tests/order.agent-test.yaml"
    code, out = shell("runs", "export", run["run_id"], "support", "--as-test", "-o", file)
    assert (code, file in out) == (0, True)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert shell("runs", "export", run["run_id"], "support", "--as-test", "-o", file)[0] == 2
    assert shell("runs", "export", run["run_id"], "support")[0] == 2
    Path("journeyman.db").unlink()  # the file holds all that it needs
    tried = shell.json("test", "support")
    assert (tried["code"], tried["passed"], tried["failed"]) == (0, 1, 0)
    agent = Path("support/agent.yaml")
    agent.write_text(agent.read_text().replace("Be brief and friendly.", "Be brief."))
    code, out = shell("test", file, "--junit", "out.xml")
    assert (code, "the system prompt of m1 differs:" in out) == (1, True)
    assert [line.strip()[0] for line in out.splitlines() if "Be brief" in line] == ["-", "+"]
    assert "does not happen" not in out
    assert 'failures="1"' in Path("out.xml").read_text()
    assert shell("test", file, "--update")[0] == 0
    assert shell("test", file)[0] == 0
    Path(file).write_text("recorded: {}\n")
    assert shell("test", file)[0] == 3


def test_a_limit_is_raised_and_the_run_becomes_a_test_that_holds(shell: Shell) -> None:
    agent = Path("support/agent.yaml")
    limits = "limits: {steps: 1, on_reached: {steps: {ask: true, up_to: 5}}, "
    agent.write_text(agent.read_text().replace("limits: {steps: 10, ", limits))
    code, out = shell("run", "Where is order 1042?", "support")
    assert code == 6
    assert "The run has reached its limit `steps` (1). May it go on?" in out
    assert "with approve: --arguments '{\"steps\":5}', or a lower value" in out
    [approval] = shell.json("approvals")["items"]
    assert (approval["kind"], approval["arguments"]) == ("limit", {"steps": 5})
    answer = ("approvals", "answer", approval["approval"], "approve", "support", "--arguments")
    assert shell(*answer, '{"steps": 9}')[0] != 0
    assert "at most 5" in shell.err
    code, out = shell(*answer, '{"steps": 3}')
    assert (code, "1042" in out) == (0, True)
    [run] = shell.json("runs", "list")["items"]
    assert run["status"] == "finished"
    replayed = shell.json("runs", "replay", run["run_id"], "support")
    assert (replayed["code"], replayed["equal"]) == (0, True)
    file = "support/tests/order.agent-test.yaml"
    assert shell("runs", "export", run["run_id"], "support", "--as-test", "-o", file)[0] == 0
    assert shell("test", "support")[0] == 0
    agent.write_text(agent.read_text().replace("up_to: 5", "up_to: 2"))
    assert shell("test", file)[0] == 1


def test_a_new_project_brings_a_test_that_holds(shell: Shell) -> None:
    """SPEC 11: `init` writes a first agent test."""
    assert shell("init", "fresh")[0] == 0
    assert shell("test", "fresh")[0] == 0
    test = Path("fresh/tests/distance.agent-test.yaml")
    test.write_text(test.read_text().replace("destination: Rome}, result", "destination: Oslo}, result"))
    code, out = shell("test", "fresh")
    assert (code, 'arguments: expected {"destination":"Oslo"}' in out) == (1, True)


def test_a_recorded_test_holds_no_secret_and_holds_under_another(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SPEC 9: a value of `${…}` is in nothing that is written for people."""
    Path("agent.yaml").write_text(
        'type: react_agent\nprompt: "Use ${KEY} well."\nmodel: {name: offline, extra: {key: "${KEY}"}}\n'
    )
    monkeypatch.setenv("KEY", "a-secret-of-mine")
    shell("run", "Hello")
    [run] = shell.json("runs", "list")["items"]
    code, out = shell("runs", "export", run["run_id"], "--as-test")
    assert (code, "a-secret-of-mine" in out, "Use [secret] well." in out) == (0, False, True)
    Path("x.agent-test.yaml").write_text(out)
    monkeypatch.setenv("KEY", "another-secret")
    assert shell("test", "x.agent-test.yaml")[0] == 0
    Path("agent.yaml").write_text(Path("agent.yaml").read_text().replace("well", "badly"))
    code, out = shell("test", "x.agent-test.yaml")
    assert (code, "another-secret" in out, "+ Use [secret] badly." in out) == (1, False, True)
