"""The JSON of a chat completion and of a chunk of a streamed one, as far as it is read."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.events.messages import JSON


class Choice(msgspec.Struct):
    """A choice. A chunk has a `delta`, a complete reply a `message`; some servers stream messages."""

    index: JSON = None
    delta: dict[str, JSON] | None = None
    message: dict[str, JSON] | None = None
    finish_reason: JSON = None
    usage: JSON = None  # Moonshot
    error: JSON = None  # OpenRouter


class Chunk(msgspec.Struct):
    """A chunk, or a complete reply."""

    choices: list[Choice] | None = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None
    x_groq: JSON = None


chunk_decoder = msgspec.json.Decoder(Chunk)
any_decoder = msgspec.json.Decoder(Any)
