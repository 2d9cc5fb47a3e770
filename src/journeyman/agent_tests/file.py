"""The schema of a test file, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from journeyman.agent_files.file_model import FileEntry, Text
from journeyman.events.events import Decision

Name = Annotated[str, Field(min_length=1, max_length=200)]


class FailureEntry(FileEntry):
    """An error that a tool returns."""

    code: Name
    message: Text = ""


class StubEntry(FileEntry):
    """The result or error of a tool call, which is used instead of running the tool."""

    result: Any = None
    error: FailureEntry | None = None


class AnswerEntry(FileEntry):
    """A human's answer to the next question, or with `tool` to the next question about that tool."""

    decision: Decision
    tool: Name | None = None
    arguments: dict[str, Any] | None = None
    result: Text | None = None


class MessageEntry(FileEntry):
    """An earlier message of the conversation."""

    role: Literal["user", "assistant"]
    content: Text


class ThreadEntry(FileEntry):
    """The conversation before the run."""

    messages: list[MessageEntry] = Field(default=[], max_length=1000)
    context: dict[str, Any] = {}
    global_context: dict[str, Any] = {}


class TextEntry(FileEntry):
    """The conditions on a text; a plain string means `exact`."""

    exact: Text | None = None
    contains: list[Text] = []
    excludes: list[Text] = []
    regex: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"exact": value}
        if not isinstance(value, dict):
            return value
        lists = ("contains", "excludes")
        return {key: [item] if key in lists and isinstance(item, str) else item for key, item in value.items()}


class CallEntry(FileEntry):
    """An expected tool call; a plain string means any call of that tool. The call may have more arguments."""

    tool: Name
    arguments: dict[str, Any] | None = None
    result: TextEntry | None = None
    error: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"tool": value} if isinstance(value, str) else value


class AtMostEntry(FileEntry):
    """The most that the run may use."""

    steps: int | None = Field(default=None, ge=0)
    tool_calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    cost_usd: float | None = Field(default=None, ge=0)


class ExpectEntry(FileEntry):
    """The expectations of the run."""

    status: Literal["finished", "failed", "cancelled", "paused"] | None = None
    text: TextEntry | None = None
    calls: list[CallEntry] | None = None
    order: Literal["exact", "any", "contains"] = "exact"
    limits: AtMostEntry = AtMostEntry()
    stopped_by: Name | None = None
    error: Name | None = None


class RecordedEntry(FileEntry):
    """A recorded run, written by `journeyman runs export` and `journeyman test --update`."""

    journeyman: Name
    started_at: Name
    prompts: dict[str, str] | None = None
    summary: str = ""
    history: list[dict[str, Any]] = []
    definition: dict[str, Any] | None = None
    events: list[dict[str, dict[str, Any]]] = Field(min_length=2)


class AgentTestFileEntry(FileEntry):
    """A whole test file."""

    agent: Name | None = Field(default=None, description="Its file, or a folder of agents, from this file's folder")
    agent_name: Name | None = Field(default=None, description="Which one, if there are several")
    description: Text = ""
    input: Text | None = None
    context: dict[str, Any] | None = Field(default=None, description="As in POST /process")
    thread: ThreadEntry = ThreadEntry()
    model: list[dict[str, Any]] | None = Field(default=None, description="Turns of a script")
    tools: dict[str, list[StubEntry]] = Field(default={}, description="What calls give, in order; else tools run")
    answers: list[AnswerEntry] = []
    expect: ExpectEntry | None = None
    recorded: RecordedEntry | None = None
