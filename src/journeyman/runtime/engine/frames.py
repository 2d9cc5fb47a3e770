"""The frames of a run's stream: its stored events, and the live frames between them."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.codec import Entry


class Delta(msgspec.Struct, frozen=True, tag_field="type", tag="delta"):
    """Text that a model call has produced since `offset` (in characters). Never stored."""

    call: str
    attempt: int
    offset: int
    text: str


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The whole text of an open model call so far, which replaces what the reader has. Never stored."""

    call: str
    attempt: int
    text: str


class Progress(msgspec.Struct, frozen=True, tag_field="type", tag="progress"):
    """Progress that a running tool or node reports: a text, or a fraction from 0 to 1. Never stored."""

    call: str
    value: str | float


class Reconnect(msgspec.Struct, frozen=True, tag_field="type", tag="reconnect"):
    """The end of a stream that a reader must open again, asking for the events after the last seq that it read.

    The reason is that the server shuts down, or that the credential is no longer valid and another one is needed.
    """

    reason: Literal["shutdown", "unauthenticated"] = "shutdown"


Frame = Entry | Delta | Snapshot | Progress | Reconnect
