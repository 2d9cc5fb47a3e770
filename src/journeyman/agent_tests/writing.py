"""Writes a recording as the text of a test file, or in place of an older recording in one."""

from __future__ import annotations

from typing import Any

from journeyman import __version__
from journeyman.agent_files.document import Document
from journeyman.agent_tests.normalize import NormalizedEvent, normalized_events, plain_data, plain_message
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.yaml_text import yaml_text
from journeyman.agents.spec import AgentSpec
from journeyman.errors import ConfigurationError
from journeyman.events.codec import rfc3339
from journeyman.events.messages import JSON, Message
from journeyman.tools.spec import StoredTool, ToolSpec

HEAD = """\
# A run as a test: `journeyman test` plays it again with today's code, and compares it event by event.
"""
MARK = "# What follows is written by `journeyman runs export` and `journeyman test --update`.\n"


def file_text(recording: Recording, *, agent: str | None, description: str) -> str:
    """Return the text of a whole test file.

    Raises:
        ConfigurationError: The recording cannot be written as YAML.
    """
    head = {"agent": agent, "description": description}
    given = {name: value for name, value in head.items() if value}
    return f"{HEAD}{yaml_text(given) if given else ''}\n{MARK}{recorded_text(recording)}"


def recorded_text(recording: Recording) -> str:
    """Return the text of the key `recorded`.

    Raises:
        ConfigurationError: The recording cannot be written as YAML.
    """
    data: dict[str, JSON] = {"journeyman": __version__, "started_at": rfc3339(recording.started_at)}
    if recording.prompts:
        data["prompts"] = dict(recording.prompts)
    if recording.definition is not None:
        data["definition"] = _definition(recording.definition)
    if recording.summary:
        data["summary"] = recording.summary
    if recording.history:
        data["history"] = [_message(message) for message in recording.history]
    data["events"] = [{_name(event): event.data} for event in normalized_events(recording.events)]
    try:
        return yaml_text({"recorded": data})
    except ValueError as exc:
        raise ConfigurationError(f"The run cannot be written as a test: {exc}") from exc


def updated_text(text: str, document: Document, recording: Recording) -> str:
    """Return the text of a file with another recording; everything else stays, comments included."""
    lines = text.splitlines(keepends=True)
    keys = sorted((location.line, path[0]) for path, location in document.keys.items() if len(path) == 1)
    first = next(line for line, key in keys if key == "recorded")
    after = next((line for line, _ in keys if line > first), len(lines) + 1)
    return "".join((*lines[: first - 1], recorded_text(recording), *lines[after - 1 :]))


def _name(event: NormalizedEvent) -> str:
    return event.type if event.v == 1 else f"{event.type} v{event.v}"


def _message(message: Message) -> dict[str, Any]:
    return plain_message(plain_data(message))


def _definition(spec: AgentSpec) -> dict[str, JSON]:
    data = plain_data(spec.stored())
    return data | ({"tools": [_tool(tool) for tool in spec.tools]} if spec.tools else {})


def _tool(tool: ToolSpec) -> dict[str, JSON]:
    """Return a tool as plain data, without default values and without the location and hash of its code."""
    usual, data = plain_data(StoredTool(name="", description="", parameters={})), plain_data(StoredTool.of(tool))
    always = ("name", "description", "parameters")
    return {
        name: value
        for name, value in data.items()
        if name in always or (value != usual[name] and name not in ("source", "code_hash"))
    }
