"""`journeyman chat` on a real pseudo-terminal, and through a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.settings import Settings
from tests.harness.pseudo_terminal import PseudoTerminal

SOURCE = Path(__file__).parents[2] / "src"
AGENT = """\
type: react_agent
name: desk
model: script:turns.yaml
tools:
  - {name: pay, approval: always}
  - measure
  - {name: send, timeout_seconds: 0.3}
"""
TURNS = (
    """\
- when: "^hello"
  text: "# Good day\\n\\nIt is **open**."
  usage: {input_tokens: 1200, output_tokens: 7, cost_usd: 0.5}
- {when: "^pay", tool_calls: [{name: pay, arguments: {amount: 9, to: "\\e]0;taken\\a"}}]}
- {when: "^pay", tool_calls: [{name: pay, arguments: {amount: 8}}]}
- {when: "^measure", tool_calls: [{name: measure, arguments: {}}]}
- {when: "^send", tool_calls: [{name: send, arguments: {}}]}
- {when: "^long", text: "never said", delay_ms: 600000}
- {when: "^break", error: auth}
- {when: "^break", text: "Mended."}
- {when: "paid", text: "It is paid.", usage: {input_tokens: 1}}
- {when: "size", text: "It is measured."}
- {when: "sent|unknown|refused|denied", text: "That is that.", usage: {input_tokens: 1}}
- {when: "^after", text: "Here again."}
"""
    + '- {text: "Once more.", usage: {input_tokens: 1}}\n' * 5
)
TOOLS = '''\
import asyncio
from pathlib import Path

from journeyman import ToolContext, tool


@tool(effects="once")
async def pay(amount: int, ctx: ToolContext, to: str = "") -> str:
    """Pay."""
    return f"paid {amount}"


@tool(effects="none")
async def measure(ctx: ToolContext) -> str:
    """Measure."""
    return "the size is " + await ctx.ask("Which size?")


@tool(effects="once")
async def send(ctx: ToolContext) -> str:
    """Send; the first time it takes too long."""
    if not Path("tried").exists():
        Path("tried").touch()
        await asyncio.sleep(60)
    return "sent"
'''

pytestmark = pytest.mark.long


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "turns.yaml").write_text(TURNS)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "desk.py").write_text(TOOLS)
    return tmp_path


def environment() -> dict[str, str]:
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in ours} | {"PYTHONPATH": str(SOURCE)}


@pytest.fixture
def terminal(folder: Path) -> Iterator[PseudoTerminal]:
    with PseudoTerminal(["chat"], folder, environment()) as opened:
        yield opened


def piped(folder: Path, *lines: str, thread: str = "t") -> tuple[int, str]:
    command = [sys.executable, "-m", "journeyman", "chat", "--thread", thread]
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        command, input=text, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_it_greets_and_shows_markdown_tokens_and_cost(terminal: PseudoTerminal) -> None:
    greeting = terminal.until("> ")
    assert "desk, model script:turns.yaml" in greeting
    assert re.search(r"New thread thread_[0-9a-f]{32}", greeting)
    assert "Ctrl-D leaves" in greeting
    terminal.type("hello")
    shown = terminal.until("1,200 tokens in, 7 out, $0.5000")
    assert "It is open." in shown
    assert "thinking" in shown, "the spinner"
    assert "\x1b[1m" in terminal.raw, "bold"
    terminal.until("> ")
    terminal.type("/cost")
    assert "1 run in this chat: 1,200 tokens in, 7 out, $0.5000" in terminal.until("> ")
    terminal.type("/help")
    assert "/retry" in terminal.until("> ")
    terminal.type("/halp")
    assert "There is no command /halp." in terminal.until("> ")
    terminal.key("d")
    assert terminal.ended() == 0


def test_an_approval_is_answered_with_y_or_n(terminal: PseudoTerminal) -> None:
    terminal.until("> ")
    terminal.type("pay")
    asked = terminal.until("y = approve, n = deny: ")
    assert "May pay run" in asked
    assert "]0;taken" in asked
    assert "\x1b]0;" not in terminal.raw, "the arguments of a call send no escape sequence"
    terminal.type("perhaps")
    terminal.until("y = approve, n = deny: ")
    terminal.type("y")
    assert "It is paid." in terminal.until("tokens in")
    terminal.until("> ")
    terminal.type("pay")
    terminal.until("y = approve, n = deny: ")
    terminal.type("n")
    assert "pay -> " in terminal.until("tokens in")


def test_a_text_answers_a_tools_question(terminal: PseudoTerminal) -> None:
    terminal.until("> ")
    terminal.type("measure")
    assert "Which size?" in terminal.until("your answer (/deny refuses): ")
    terminal.type("n")
    assert "measure -> the size is n" in terminal.until("It is measured.")


@pytest.mark.parametrize(("key", "result"), [("r", "send -> sent"), ("f", "send -> ")])
def test_an_unknown_outcome_is_decided_with_r_or_f(terminal: PseudoTerminal, key: str, result: str) -> None:
    terminal.until("> ")
    terminal.type("send")
    terminal.until("r = retry, d = done, f = fail: ")
    terminal.type("y")
    terminal.until("r = retry, d = done, f = fail: ")
    terminal.type(key)
    assert result in terminal.until("tokens in")


def test_ctrl_c_cancels_the_reply_and_a_second_one_leaves(terminal: PseudoTerminal) -> None:
    terminal.until("> ")
    terminal.type("long")
    terminal.until("thinking")
    terminal.key("c")
    assert "cancelled" in terminal.until("> ")
    terminal.type("hello")
    terminal.until("tokens in")
    terminal.until("> ")
    terminal.key("c")
    terminal.until("Ctrl-C again leaves.")
    terminal.until("> ")
    terminal.key("c")
    assert terminal.ended() == 130


def test_a_message_behind_a_paused_run_is_asked_about_before_it_is_sent(terminal: PseudoTerminal) -> None:
    terminal.until("> ")
    terminal.type("pay")
    terminal.until("n = deny: ")
    terminal.type("/later")
    terminal.until("The question stays open.")
    terminal.until("> ")
    terminal.type("after")
    assert re.search(r"Run run_\w+ waits for your approval: show it\? \[y/n\] $", terminal.until("[y/n] "))
    terminal.type("n")
    terminal.until("Your message was not sent.")
    terminal.until("> ")
    terminal.type("after")
    terminal.until("[y/n] ")
    terminal.type("y")
    terminal.until("n = deny: ")
    terminal.type("y")
    assert "It is paid." in terminal.until("Here again.")
    terminal.until("> ")
    terminal.type("pay")
    terminal.until("n = deny: ")
    terminal.key("c")
    terminal.until("> ")
    terminal.type("/cancel")
    assert "is cancelled." in terminal.until("> ")
    terminal.type("hello")
    terminal.until("It is open.")


def test_new_and_the_return_to_a_thread(folder: Path, terminal: PseudoTerminal) -> None:
    found = re.search(r"New thread (\w+)", terminal.until("> "))
    assert found
    terminal.type("hello")
    terminal.until("tokens in")
    terminal.until("> ")
    terminal.type("/new")
    other = re.search(r"New thread (\w+)", terminal.until("> "))
    assert other
    assert other[1] != found[1]
    terminal.type("/thread")
    listed = terminal.until("> ")
    assert f"* {other[1]}  (new)" in listed
    assert f"{found[1]}  2 messages" in listed
    terminal.type(f"/thread {found[1][:20]}")
    back = terminal.until("> ")
    assert f"Thread {found[1]} (2 messages)" in back
    assert "  user: hello" in back
    terminal.type("pay")
    terminal.until("n = deny: ")
    terminal.key("d")
    left = terminal.until(" returns to it.")
    assert f"`journeyman chat --thread {found[1]}`" in left
    assert terminal.ended() == 0
    with PseudoTerminal(["chat", "--thread", found[1]], folder, environment()) as again:
        again.until(f"Thread {found[1]} (")
        again.until("show it? [y/n] ")
        again.type("y")
        again.until("n = deny: ")
        again.type("y")
        again.until("It is paid.")


def test_a_failed_run_is_retried(terminal: PseudoTerminal) -> None:
    terminal.until("> ")
    terminal.type("/retry")
    assert "There is no run to retry" in terminal.until("> ")
    terminal.type("break")
    terminal.until("failed: ")
    assert "/retry goes on from before the failure." in terminal.until("> ")
    terminal.type("/retry")
    shown = terminal.until("Mended.")
    assert re.search(r"Run run_\w+ goes on from before run run_\w+ failed\.", shown)
    assert "failed: " not in shown, "what was copied is not shown again"
    terminal.until("> ")
    terminal.type("/retry")
    assert "Only failed runs can be retried." in terminal.until("> ")


def test_through_a_pipe_the_question_and_the_command_are_printed(folder: Path) -> None:
    assert piped(folder, "hello", "") == (0, "# Good day\n\nIt is **open**.\n")
    code, text = piped(folder, "pay", "never sent")
    assert code == 6
    assert "May pay run" in text
    command = re.search(r"journeyman approvals answer appr_\w+ approve", text)
    assert command
    assert "never sent" not in text
    code, text = piped(folder, "after")
    assert (code, command[0] in text) == (6, True), "the message is not queued behind the run that waits"
    listed = subprocess.run(
        [sys.executable, "-m", "journeyman", "runs", "list"], cwd=folder, env=environment(), capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    assert listed.count("run_") == 2
    answered = subprocess.run(
        [sys.executable, "-m", *command[0].split()], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert "It is paid." in answered.stdout
    assert piped(folder, "after")[0] == 0


def test_a_run_that_lacks_something_says_so(folder: Path) -> None:
    with PseudoTerminal(["chat", "--thread", "t"], folder, environment()) as killed:
        killed.until("> ")
        killed.type("long")
        killed.until("thinking")
        killed.process.kill()
    (folder / "tools" / "desk.py").unlink()
    (folder / "agent.yaml").write_text("type: react_agent\nname: other\nmodel: script:turns.yaml\n")
    code, text = piped(folder, "after")
    assert code == 7, text
    assert re.search(r"Run run_\w+ waits\. .*tool", text)
    with PseudoTerminal(["chat", "--thread", "t"], folder, environment()) as terminal:
        assert re.search(r"Run run_\w+ waits\. .*tool", terminal.until("> "))
        terminal.type("after")
        assert "tool" in terminal.until("Your message was not sent.")
        terminal.until("> ")
        terminal.type("/cancel")
        terminal.until("is cancelled.")
        terminal.until("> ")
        terminal.type("after")
        terminal.until("Here again.")
