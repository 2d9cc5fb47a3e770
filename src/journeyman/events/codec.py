"""Event <-> stored JSON. One codec: plain JSON data, the type beside it, no type tags within, no fall-back.

An unknown type or a shape that does not fit is an error; an old version passes through its upcasters first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import msgspec

from journeyman.errors import StorageError
from journeyman.events.events import Event
from journeyman.events.messages import JSON, valid_text
from journeyman.events.rewriting import rewritten
from journeyman.masking import Mask


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


EVENT_TYPES: dict[str, type[Any]] = {_snake(cls.__name__): cls for cls in get_args(Event)}
_NAMES: dict[type[Any], str] = {cls: name for name, cls in EVENT_TYPES.items()}
_DECODERS = {name: msgspec.json.Decoder(cls) for name, cls in EVENT_TYPES.items()}
_ENCODER = msgspec.json.Encoder()

# By these the journal finds things: masked, two tenants or threads could become one, and nobody would find theirs.
IDENTIFIERS = frozenset({"thread", "principal", "agent", "summary_stream"})
T = TypeVar("T")
Upcaster = Callable[[dict[str, JSON]], dict[str, JSON]]
UPCASTERS: dict[tuple[str, int], Upcaster] = {}  # (type, version) -> data of the next version


class Draft(msgspec.Struct, frozen=True):
    """An event ready to be appended: encoded once, for the journal and for every reader."""

    type: str
    v: int
    data: bytes
    event: Event


class Entry(msgspec.Struct, frozen=True):
    """A stored event: its place, its time (µs since the epoch, UTC) and its JSON."""

    stream: str
    seq: int
    type: str
    v: int
    at: int
    data: bytes

    @property
    def event(self) -> Event:
        """The event, decoded anew at each access."""
        return decode_event(self.type, self.v, self.data)


class Codec:
    """Encodes events; known secret values (8 characters or more) never get past it."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self.mask = Mask(secrets)

    def learn(self, secrets: tuple[str, ...]) -> None:
        """Know these secret values too."""
        self._secrets += secrets
        self.mask = Mask(self._secrets)

    def draft(self, event: Event) -> Draft:
        """The event as it will be stored; `draft.event` is what readers will see (secrets replaced, text valid)."""
        try:
            data = _ENCODER.encode(event)
        except UnicodeEncodeError:  # the doors make text valid; this is for what slipped through
            event = rewritten(event, valid_text)
            data = _ENCODER.encode(event)
        if self.mask.is_in_json(data):
            event = rewritten(event, self.mask, IDENTIFIERS)
            data = _ENCODER.encode(event)
        return Draft(_NAMES[type(event)], event.VERSION, data, event)

    def clean(self, text: str) -> str:
        """A text as it stands in a stored event."""
        return self.mask(valid_text(text))

    def masked(self, value: T) -> T:
        """Plain data, or a struct, that is not on its way to the journal, without known secrets."""
        masked: T = rewritten(value, self.mask) if self.mask else value
        return masked


def decode_event(type: str, v: int, data: bytes) -> Event:
    """The event of a stored row.

    Raises:
        StorageError: the type is unknown, the version is newer than this program, or the data does not fit.
    """
    decoder = _DECODERS.get(type)
    if decoder is None:
        raise StorageError(f"the journal holds an event of unknown type {type!r}: use the release that wrote it")
    try:
        current: int = EVENT_TYPES[type].VERSION
        if v == current:
            return decoder.decode(data)  # type: ignore[no-any-return]
        return _upcast(type, v, current, data)
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError) as exc:  # the last two: of upcasters
        raise StorageError(f"the journal holds a {type} event that does not fit its schema: {exc}") from exc


def _upcast(type: str, v: int, current: int, data: bytes) -> Event:
    if v > current:
        raise StorageError(f"the journal holds {type} version {v}, newer than this release knows: use a newer release")
    value = msgspec.json.decode(data)
    for version in range(v, current):
        upcaster = UPCASTERS.get((type, version))
        if upcaster is None:
            raise StorageError(f"the journal holds {type} version {version}: no way leads from it to version {current}")
        value = upcaster(value)
    return msgspec.convert(value, EVENT_TYPES[type])  # type: ignore[no-any-return]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: int) -> str:
    """Microseconds since the epoch as RFC 3339 UTC."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")[:-6] + "Z"


def microseconds(text: str) -> int:
    """The inverse of `rfc3339`. Raises ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


class WireEvent(msgspec.Struct, frozen=True):
    """An event as clients see it."""

    run_id: str
    seq: int
    type: str
    at: str
    data: msgspec.Raw


def wire(entry: Entry) -> WireEvent:
    """The public form of a stored event; its data is passed on as it is stored."""
    return WireEvent(entry.stream, entry.seq, entry.type, rfc3339(entry.at), msgspec.Raw(entry.data))
