"""ProtocolForm: how a protocol writes errors and rate limits, which middleware answers before any route is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Headers = list[tuple[bytes, bytes]]


class ShapedError(NamedTuple):
    """An error as a protocol writes it."""

    status: int
    body: Any
    headers: Headers


class ProtocolForm(NamedTuple):
    """The form of one protocol.

    `error` gets what the client may know of an error (ProblemDetails), and whether a repeated request is the same one.
    `rate_limit` gets how many requests are allowed, how many are left, and the seconds until there is room again.
    """

    error: Callable[[Any, bool], ShapedError]
    rate_limit: Callable[[int, int, float], Headers]
