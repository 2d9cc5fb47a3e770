"""Live frames: what readers of a run see beside its stored events."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.codec import Entry


class Delta(msgspec.Struct, frozen=True, tag_field="type", tag="delta"):
    """Text that a model call has produced since `offset` (characters). Live only, never stored."""

    call: str
    attempt: int
    offset: int
    text: str


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """All text of the open model call so far: replaces what the reader has of it."""

    call: str
    attempt: int
    text: str


class Progress(msgspec.Struct, frozen=True, tag_field="type", tag="progress"):
    """What a running tool says of itself."""

    call: str
    value: str | float


class Reconnect(msgspec.Struct, frozen=True, tag_field="type", tag="reconnect"):
    """The server is going away, or the credential holds no longer: come back, with another one then, and ask for events
    after the last seq."""

    reason: Literal["shutdown", "unauthenticated"] = "shutdown"


Frame = Entry | Delta | Snapshot | Progress | Reconnect
