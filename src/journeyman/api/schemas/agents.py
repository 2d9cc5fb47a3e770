"""The shapes of agents and tools in answers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from journeyman.events.messages import JSON


class ModelAnswer(Struct, frozen=True):
    name: str
    temperature: float | None
    max_tokens: int | None


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """A finding of the static check; `allowed`: a comment in the code says that it is meant."""

    rule: str
    severity: str
    message: str
    remedy: str
    line: int
    allowed: bool


class PermissionsAnswer(Struct, frozen=True, kw_only=True):
    """What the tool may reach; null: nothing was declared."""

    network: tuple[str, ...] | None
    files: tuple[str, ...] | None
    env: tuple[str, ...]


class ToolAnswer(Struct, frozen=True, kw_only=True):
    """A tool's schema and policy."""

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
    sandbox: dict[str, JSON] = {}  # how its worker is confined here; empty: not looked at yet


class CacheCleared(Struct, frozen=True, kw_only=True):
    """How many kept answers of the tool were forgotten."""

    cleared: int


class AgentSummary(Struct, frozen=True, kw_only=True):
    name: str
    type: str
    description: str
    version: str
    model: ModelAnswer
    tools: tuple[str, ...]
    default: bool


class VersionAnswer(Struct, frozen=True):
    """A version that this process has had. `since`: when it had it first."""

    version: str
    since: str
    current: bool


class AgentAnswer(Struct, frozen=True, kw_only=True):
    """An agent's definition. `tools` are as this agent may use them."""

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


class ChangeAnswer(Struct, frozen=True):
    """New runs of the agent begin with `version` now; null: it is served no more. `before` null: it is new."""

    agent: str
    version: str | None
    before: str | None


class ReloadAnswer(Struct, frozen=True):
    """Not `applied`: `problems` say why, and everything is as it was. Else they are warnings."""

    applied: bool
    at: str
    changes: tuple[ChangeAnswer, ...]
    problems: tuple[str, ...]


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `version`: the one before the current one."""

    version: str | None = None
