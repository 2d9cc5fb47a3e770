"""What a model is asked: frozen data that an agent builds and a model client sends."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.messages import JSON, Message

Api = Literal["auto", "chat", "responses"]  # of a gateway; auto: chat completions until a model asks for the other


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool as a model sees it. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, JSON]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a model call depends on."""

    model: str
    messages: tuple[Message, ...]  # system prompt first
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str | None = None  # auto | none | required | a tool's name
    temperature: float | None = None
    max_tokens: int | None = None
    response_schema: dict[str, JSON] | None = None  # JSON Schema of a typed answer
    # what the gateway gets: the schema, only that it is JSON, or nothing, since the prompt has the schema
    response_mode: Literal["schema", "json", "prompt"] = "schema"
    extra: dict[str, JSON] = {}  # passed on to the gateway unchanged
    fallbacks: tuple[str, ...] = ()  # models to ask, in order, while the breaker of those before is open
    gateway: str = ""  # its name in `gateways` of the agent files; empty: that of the settings
    fallback_gateways: tuple[str, ...] = ()  # of each fallback; empty: all have the gateway of `model`
    api: Api = "auto"  # of the model's gateway; fallbacks at other gateways have `auto`
    vision: bool | None = None  # whether the model takes pictures and files; None: its gateway will say
    turn: int | None = None  # of its script or recording; 0: none is left; None: the client takes the next one itself
    again: bool = False  # an earlier try may have been billed: one that times out or is cut is not made again
    timeout_seconds: float | None = None  # silence before the first byte and between bytes; None: the settings'
