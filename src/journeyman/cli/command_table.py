"""Every command of the command line: where it is defined, and its line of the help text.

A command's module is imported when the command is used. To import all of them takes longer than a help text may.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class CommandEntry(NamedTuple):
    """A command, or a group of commands."""

    module: str
    attribute: str  # the command's function, or the group's typer application
    help: str

    def load(self) -> Any:
        """Import the module and return the attribute."""
        return getattr(import_module(self.module), self.attribute)


# In the order of the help text.
COMMANDS: dict[str, CommandEntry] = {
    "init": CommandEntry("journeyman.cli.commands.init", "init", "Make a project with an agent, a tool and a test."),
    "serve": CommandEntry("journeyman.cli.app", "serve_command", "Serve agents over HTTP."),
    "run": CommandEntry("journeyman.cli.commands.run", "run", "Send one message to an agent and print the answer."),
    "chat": CommandEntry("journeyman.cli.commands.chat", "chat", "Talk with an agent."),
    "check": CommandEntry(
        "journeyman.cli.commands.check", "check", "Check settings, agents and tools as `serve` does."
    ),
    "schema": CommandEntry(
        "journeyman.cli.commands.check", "schema", "Print the JSON Schema of an agent file, for editors."
    ),
    "agents": CommandEntry("journeyman.cli.commands.agents", "agents", "List agents."),
    "reload": CommandEntry("journeyman.cli.commands.reload", "reload", "Let the running server read its files again."),
    "rollback": CommandEntry(
        "journeyman.cli.commands.reload", "rollback", "Let new runs use an earlier version of an agent."
    ),
    "graph": CommandEntry(
        "journeyman.cli.commands.graph", "graph", "Draw an agent's graph, or walk it without effects."
    ),
    "tools": CommandEntry("journeyman.cli.commands.tools", "app", "List, check and call tools."),
    "threads": CommandEntry(
        "journeyman.cli.commands.threads", "app", "List threads, show their messages, and erase them."
    ),
    "runs": CommandEntry(
        "journeyman.cli.commands.runs", "app", "List, show, follow, cancel, replay, export, fork and retry runs."
    ),
    "approvals": CommandEntry(
        "journeyman.cli.commands.approvals", "app", "List what waits for a human, and answer it."
    ),
    "errors": CommandEntry(
        "journeyman.cli.commands.errors", "errors", "List failed runs in groups by agent and error code."
    ),
    "keys": CommandEntry("journeyman.cli.commands.keys", "app", "Make, list, revoke and rotate API keys."),
    "token": CommandEntry("journeyman.cli.commands.keys", "token", "Make a token, signed with JWT_SECRET_KEY."),
    "db": CommandEntry(
        "journeyman.cli.commands.db", "app", "Copy, restore, verify and prune the journal file, and hold runs."
    ),
    "test": CommandEntry("journeyman.cli.commands.test", "run_tests", "Run agent tests. No model is called."),
    "fake-llm": CommandEntry(
        "journeyman.cli.commands.fake_llm", "fake_llm", "Serve the offline model as an endpoint for clients."
    ),
    "doctor": CommandEntry("journeyman.cli.doctor.command", "doctor", "Check everything that a server needs."),
    "completion": CommandEntry(
        "journeyman.cli.commands.completion", "completion", "Print the completion script of a shell."
    ),
}
