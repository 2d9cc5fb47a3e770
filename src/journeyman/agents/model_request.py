"""Makes the requests of all model calls from an agent's or a node's model settings."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.agents.spec import ModelSettings
from journeyman.events.messages import JSON, Message, system
from journeyman.events.model_request import ModelRequest, ToolDefinition


def model_request(
    settings: ModelSettings,
    model: str,
    prompt: str,
    messages: Sequence[Message],
    *,
    tools: tuple[ToolDefinition, ...] = (),
    response_schema: dict[str, JSON] | None = None,
) -> ModelRequest:
    """Return a request with these settings: the system prompt first, unless it is empty, then the messages.

    `model` is the name that the model client knows, such as a script's full path, where `settings.name` is the name
    of the agent file.
    """
    return ModelRequest(
        model=model,
        messages=(system(prompt), *messages) if prompt else tuple(messages),
        tools=tools,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        response_schema=response_schema,
        extra=settings.extra,
        timeout_seconds=settings.timeout_seconds,
        fallbacks=settings.fallbacks,
    )
