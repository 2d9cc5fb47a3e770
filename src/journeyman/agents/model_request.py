"""Makes the requests of all model calls from an agent's or a node's model settings."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.agents.spec import ModelSettings, Output
from journeyman.events.answer_schema import schema_instruction, with_instruction
from journeyman.events.messages import Message, system, with_time_shown
from journeyman.events.model_request import ModelRequest, ToolDefinition


def model_request(
    settings: ModelSettings,
    model: str,
    prompt: str,
    messages: Sequence[Message],
    *,
    tools: tuple[ToolDefinition, ...] = (),
    tool_choice: str | None = None,
    output: Output | None = None,
    may_ask_again: bool = True,
) -> ModelRequest:
    """Return a request with these settings: the system prompt first, unless it is empty, then the messages.

    `model` is the name that the model client knows, such as a script's full path, where `settings.name` is the name
    of the agent file. `output` is the typed answer that the reply should be; `may_ask_again`: whether the agent can ask
    again if it is not.
    """
    shown = tuple(map(with_time_shown, messages))
    sent = (system(prompt), *shown) if prompt else shown
    if output is not None and _is_in_prompt(output, may_ask_again):
        sent = with_instruction(sent, schema_instruction(output.schema))
    return ModelRequest(
        model=model,
        messages=sent,
        tools=tools,
        tool_choice=tool_choice,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        response_schema=output.schema if output else None,
        response_mode=output.mode if output and output.mode in ("json", "prompt") else "schema",
        extra=settings.extra,
        timeout_seconds=settings.timeout_seconds,
        fallbacks=settings.fallbacks,
        gateway=settings.gateway,
        fallback_gateways=settings.fallback_gateways,
        api=settings.api,
    )


def _is_in_prompt(output: Output, may_ask_again: bool) -> bool:
    """Return whether the prompt has the schema: a gateway may ignore it, and then only a second request would tell."""
    return output.mode in ("json", "prompt") or (output.mode == "auto" and not (may_ask_again and output.retries))
