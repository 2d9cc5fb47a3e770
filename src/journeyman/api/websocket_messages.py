"""WebSocket messages: commands from the client; acknowledgements, errors and frames from the server."""

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
    """Start a run and follow it."""

    id: CommandId


class Authenticate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="authenticate"):
    """Authenticate a socket whose opening request carried no credential. It must be the first command."""

    id: CommandId
    token: Annotated[str, Meta(min_length=1, max_length=8192)]


class Cancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="cancel"):
    """Cancel a run."""

    id: CommandId
    run_id: RunId


class Resume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="resume"):
    """Answer approvals of a run. Its events are sent to those who follow it."""

    id: CommandId
    run_id: RunId
    answers: Annotated[list[AnswerRequest], Meta(min_length=1, max_length=100)]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="input"):
    """Answer the open question of a run."""

    id: CommandId
    run_id: RunId
    text: Annotated[str, Meta(min_length=1)]


class Subscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    """Follow a run: its stored events after the seq `after`, then those to come."""

    id: CommandId
    run_id: RunId
    after: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] = 0


Command = Start | Cancel | Resume | Input | Subscribe


class Acknowledged(Struct, frozen=True, tag_field="type", tag="ack", omit_defaults=True):
    """The command with this id was carried out."""

    id: str
    run_id: str | None = None
    thread_id: str | None = None


class Refused(Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """The command, or following its run, failed. `id` is null if no command could be read."""

    id: str | None
    error: str
    code: str
    error_id: str
    status: int
    run_id: str | None = None


def encode_frame(run_id: str, frame: Frame) -> bytes:
    """Encode a frame as in SSE. A live frame carries its run's id as well, since one socket follows many runs."""
    if type(frame) is Entry:
        return _ENCODER.encode(wire(frame))
    return b'{"run_id":%b,%b' % (_ENCODER.encode(run_id), _ENCODER.encode(frame)[1:])
