"""Bodies of agents, tools and reloads."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from journeyman.events.messages import JSON


class ModelAnswer(Struct, frozen=True):
    """The model that an agent uses. Null: the gateway's default applies; of `gateway`: it is that of the settings."""

    name: str
    gateway: str | None
    temperature: float | None
    max_tokens: int | None


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """A finding of the static check. It is `allowed` if a comment in the code accepts it."""

    rule: str
    severity: str
    message: str
    remedy: str
    line: int
    allowed: bool


class PermissionsAnswer(Struct, frozen=True, kw_only=True):
    """What a tool may access. Null: nothing was declared."""

    network: tuple[str, ...] | None
    files: tuple[str, ...] | None
    env: tuple[str, ...]


class ToolAnswer(Struct, frozen=True, kw_only=True):
    """A tool: its schema, its policy, and what the static check found in its code."""

    name: str
    description: str
    parameters: dict[str, JSON]
    effects: str
    declared: bool
    on_unknown: str
    approval: str
    timeout_seconds: float | None
    retries: int | None
    isolation: str
    permissions: PermissionsAnswer
    cache_ttl: float | Literal["default"]
    cache_scope: str
    checks: tuple[CheckAnswer, ...]
    source: str
    code_hash: str
    metrics: dict[str, JSON]
    sandbox: dict[str, JSON] = {}  # how its worker process is confined; empty: not known yet


class CacheCleared(Struct, frozen=True, kw_only=True):
    """How many cached results of the tool were removed."""

    cleared: int


class AgentSummary(Struct, frozen=True, kw_only=True):
    """An agent in a list. `default`: it is used if a request names no agent."""

    name: str
    type: str
    description: str
    version: str
    model: ModelAnswer
    tools: tuple[str, ...]
    default: bool


class VersionAnswer(Struct, frozen=True):
    """A version of an agent that this server process has used, first at `since`."""

    version: str
    since: str
    current: bool


class AgentAnswer(Struct, frozen=True, kw_only=True):
    """An agent's definition. `tools` have the policies of this agent; `problems` say what is wrong with them."""

    name: str
    type: str
    description: str
    version: str
    default: bool
    prompt: str
    model: ModelAnswer
    tools: tuple[ToolAnswer, ...]
    limits: dict[str, JSON]
    history: dict[str, JSON]
    output: dict[str, JSON] | None
    versions: tuple[VersionAnswer, ...]
    rolled_back: bool
    reload_problems: tuple[str, ...]
    problems: tuple[str, ...] = ()


class ChangeAnswer(Struct, frozen=True):
    """A change of an agent: new runs use `version` instead of `before`.

    `version` is null if the agent was removed, `before` if it was added.
    """

    agent: str
    version: str | None
    before: str | None


class ReloadAnswer(Struct, frozen=True):
    """The result of a reload. If it was not `applied`, nothing has changed and `problems` say why; else they warn."""

    applied: bool
    at: str
    changes: tuple[ChangeAnswer, ...]
    problems: tuple[str, ...]


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The version to go back to. Without `version`, it is the one before the current one."""

    version: str | None = None
