"""Asks the human at the terminal: decisions on approvals, answers to questions, new limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from journeyman.agents.raised_limits import check_new_limit
from journeyman.cli.output import printable
from journeyman.cli.table import compact_json
from journeyman.errors import ValidationError
from journeyman.events.events import AskedLimit
from journeyman.events.messages import JSON

MAX_ASKED_CHARACTERS = 4000  # of a call's arguments: a human should see what he approves
YES_AND_NO = {"y": "approve", "yes": "approve", "n": "deny", "no": "deny"}
_KEYS = {"approve": "y", "deny": "n", "retry": "r", "done": "d", "fail": "f"}
_COMMAND = re.compile(r"/[a-z]+(?!\S)")
Ask = Callable[[str], str]  # prints a prompt and returns the line that the human types


class LeftOpen(Exception):
    """The human left a question open. `command` is the slash command that was typed in place of an answer."""

    def __init__(self, command: str = "") -> None:
        super().__init__(command)
        self.command = command


def ask_answer(ask: Ask, approval: dict[str, Any]) -> dict[str, Any]:
    """Ask about one open approval and return the answer in the form of `POST /runs/{id}/resume`.

    Raises LeftOpen if the human types a slash command.
    """
    body: dict[str, Any] = {"approval": approval["approval"]}
    if approval["kind"] == "question":
        text = _line(ask, f"{question_text(approval)}\nyour answer (/deny refuses): ", commands=("/deny",))
        return body | ({"decision": "deny"} if text == "/deny" else {"decision": "done", "result": text})
    decision = _decision(ask, question_text(approval), list(approval["decisions"]))
    body["decision"] = decision
    if decision == "approve" and approval["kind"] == "limit":
        body["arguments"] = _new_limit(ask, approval)
    if decision == "done" and (result := ask("the result of the call: ").strip()):
        body["result"] = result
    return body


def confirm(ask: Ask, question: str) -> bool:
    """Ask until the answer is yes or no. Raises LeftOpen if the human types a slash command."""
    text = ""
    while text not in YES_AND_NO:
        text = _line(ask, f"{question} [y/n] ").lower()
    return text.startswith("y")


def question_text(approval: dict[str, Any]) -> str:
    """Return the question of an open approval, with the whole tool call that it is about, made printable."""
    arguments = ", ".join(f"{name}={compact_json(value)}" for name, value in approval["arguments"].items())
    if (more := len(arguments) - MAX_ASKED_CHARACTERS) > 0:
        arguments = f"{arguments[:MAX_ASKED_CHARACTERS]}… ({more} characters more: `journeyman approvals` shows them)"
    return printable(
        f"{approval['message']} {approval['tool']}({arguments})" if approval["tool"] else approval["message"]
    )


def is_slash_command(line: str) -> bool:
    """Return whether a line is a slash command, and not a message such as `/etc/hosts is empty`."""
    return _COMMAND.match(line) is not None


def unescaped(line: str) -> str:
    """Return a line that was typed as a message: of two slashes at its beginning, the first only marks it as one."""
    return line[1:] if line.startswith("//") else line


def _line(ask: Ask, prompt: str, commands: tuple[str, ...] = ()) -> str:
    """Ask until the human types something. A slash command that is not one of `commands` raises LeftOpen."""
    text = ""
    while not text:
        text = ask(prompt).strip()
    if is_slash_command(text) and text not in commands:
        raise LeftOpen(text)
    return unescaped(text)


def _decision(ask: Ask, question: str, decisions: list[str]) -> str:
    """Ask until the answer is `y` or `n`, or the beginning of exactly one decision, and return that decision."""
    choices = ", ".join(f"{_KEYS.get(decision, decision)} = {decision}" for decision in decisions)
    prompt = f"{question}\n{choices}: "
    while True:
        text = _line(ask, prompt).lower()
        matching = [decision for decision in decisions if decision in (YES_AND_NO.get(text), text)]
        matching = matching or [decision for decision in decisions if decision.startswith(text)]
        if len(matching) == 1:
            return matching[0]
        prompt = f"{choices}: "


def _new_limit(ask: Ask, approval: dict[str, Any]) -> dict[str, JSON]:
    """Ask until the answer is a value that the limit may get, and return it. An empty answer is the highest value."""
    [(name, up_to)] = approval["arguments"].items()
    asked = msgspec.convert(approval.get("limit") or {"name": name, "value": 0, "up_to": up_to}, AskedLimit)
    lowest, highest = f"{asked.value:.12g}", f"{asked.up_to:.12g}"
    while True:
        text = ask(f"the new limit (more than {lowest}, at most {highest}; nothing means {highest}): ").strip()
        with suppress(msgspec.DecodeError, ValidationError):
            arguments: dict[str, JSON] = {asked.name: msgspec.json.decode(text or highest)}
            check_new_limit(asked, arguments)
            return arguments
