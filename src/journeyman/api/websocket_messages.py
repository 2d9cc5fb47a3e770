"""What travels over a WebSocket: commands in, acknowledgements, refusals and frames out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from journeyman.api.schemas.runs import LARGEST_INTEGER, AnswerRequest, ProcessRequest, RunId
from journeyman.events.codec import Entry, wire
from journeyman.runtime.engine.frames import Frame

CommandId = Annotated[str, Meta(min_length=1, max_length=200)]
_ENCODER = msgspec.json.Encoder()


class Start(ProcessRequest, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="start"):
    """Start a run and watch it."""

    id: CommandId


class Authenticate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="authenticate"):
    """The first command of a socket whose opening request could carry no credential."""

    id: CommandId
    token: Annotated[str, Meta(min_length=1, max_length=8192)]


class Cancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="cancel"):
    id: CommandId
    run_id: RunId


class Resume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="resume"):
    """Answer approvals. Events come to whoever watches the run."""

    id: CommandId
    run_id: RunId
    answers: Annotated[list[AnswerRequest], Meta(min_length=1, max_length=100)]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="input"):
    """Answer the question that a run's tool asks."""

    id: CommandId
    run_id: RunId
    text: Annotated[str, Meta(min_length=1, max_length=100_000)]


class Subscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    """Watch a run: its events after the seq `after`, then what happens."""

    id: CommandId
    run_id: RunId
    after: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] = 0


Command = Start | Cancel | Resume | Input | Subscribe


class Acknowledged(Struct, frozen=True, tag_field="type", tag="ack", omit_defaults=True):
    id: str
    run_id: str | None = None
    thread_id: str | None = None


class Refused(Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """The command, or the run that it watches, came to nothing; `id` is null where no command could be read."""

    id: str | None
    error: str
    code: str
    error_id: str
    status: int
    run_id: str | None = None


def encode_frame(run_id: str, frame: Frame) -> bytes:
    """A frame as in SSE; a live one carries its run's id too, since one socket has many runs."""
    if type(frame) is Entry:
        return _ENCODER.encode(wire(frame))
    return b'{"run_id":%b,%b' % (_ENCODER.encode(run_id), _ENCODER.encode(frame)[1:])
