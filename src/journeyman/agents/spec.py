"""A resolved agent definition: what `agent.yaml` says, checked, with every tool resolved; hashable by content."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.spec import ToolSpec


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`name` is a gateway's model, or `offline`, `script:FILE`, `replay:RUN`."""

    name: str
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_seconds: float | None = None
    fallbacks: tuple[str, ...] = ()  # models of the gateway, asked in order while a breaker is open
    extra: dict[str, JSON] = {}


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one run. `seconds` counts neither waiting for humans nor down time."""

    steps: int = 25  # model calls
    tool_calls: int = 50
    seconds: float = 300.0
    tokens: int = 100_000
    cost_usd: float = 1.0


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a thread the model sees: whole turns, cut to 75 % of the window when it is full."""

    max_messages: int = 200
    max_tokens: int = 60_000  # estimated at four bytes a token
    when_full: Literal["trim"] = "trim"


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A typed answer: JSON Schema, and how often to ask again when the reply does not fit."""

    schema: dict[str, JSON]
    retries: int = 2


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run of this agent depends on."""

    type: str
    name: str
    model: ModelSettings
    description: str = ""
    prompt: str = ""
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    history: History = History()
    output: Output | None = None

    def encode(self) -> bytes:
        """The definition as canonical JSON."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def version(self) -> str:
        """Content hash: 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.encode()).hexdigest()[:16]

    def tool(self, name: str) -> ToolSpec | None:
        return next((tool for tool in self.tools if tool.name == name), None)
