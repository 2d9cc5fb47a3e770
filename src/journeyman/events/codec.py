"""Encodes events as stored JSON and decodes them.

The data is plain JSON without type tags; the type is stored beside it. Data of an older version first passes through
its upcasters. An unknown type, or data that does not fit, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import msgspec

from journeyman.errors import HistoryUnreadableError, StorageError
from journeyman.events.events import Event
from journeyman.events.messages import JSON, valid_text
from journeyman.events.rewriting import rewritten
from journeyman.masking import Mask

T = TypeVar("T")
Upcaster = Callable[[dict[str, JSON]], dict[str, JSON]]


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


EVENT_TYPES: dict[str, type[Any]] = {_snake(cls.__name__): cls for cls in get_args(Event)}
_NAMES: dict[type[Any], str] = {cls: name for name, cls in EVENT_TYPES.items()}
_DECODERS = {name: msgspec.json.Decoder(cls) for name, cls in EVENT_TYPES.items()}
_ENCODER = msgspec.json.Encoder()
_LARGE_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The journal looks things up by these fields. If they were masked, two principals or threads could become one.
IDENTIFIERS = frozenset({"thread", "principal", "agent", "summary_stream"})
UPCASTERS: dict[tuple[str, int], Upcaster] = {}  # (type, version) -> data of the next version


class Draft(msgspec.Struct, frozen=True):
    """An event ready to be appended. It is encoded once, for the journal and for all readers."""

    type: str
    v: int
    data: bytes
    event: Event


class Entry(msgspec.Struct, frozen=True):
    """A stored event: its stream and seq, its time (µs since the epoch, UTC) and its JSON."""

    stream: str
    seq: int
    type: str
    v: int
    at: int
    data: bytes

    @property
    def event(self) -> Event:
        """The event, which every access decodes again."""
        return decode_event(self.type, self.v, self.data)


class Codec:
    """Encodes events and masks known secret values of 8 characters or more in them."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self.mask = Mask(secrets)

    def learn(self, secrets: tuple[str, ...]) -> None:
        """Mask these secret values too."""
        self._secrets += secrets
        self.mask = Mask(self._secrets)

    def draft(self, event: Event) -> Draft:
        """Encode an event. `Draft.event` is the event as it is stored, with secrets masked and valid text."""
        try:
            data = _ENCODER.encode(event)
        except UnicodeEncodeError:  # rare, since requests and replies are made valid when they are received
            event = rewritten(event, valid_text)
            data = _ENCODER.encode(event)
        if self.mask.is_in_json(data):
            event = rewritten(event, self.mask, IDENTIFIERS)
            data = _ENCODER.encode(event)
        if len(data) > _LARGE_BYTES:  # the encoder allocates up to half as much again, and keeps it
            data = bytes(memoryview(data))
        return Draft(_NAMES[type(event)], event.VERSION, data, event)

    def clean(self, text: str) -> str:
        """Return a text as it would be stored in an event."""
        return self.mask(valid_text(text))

    def masked(self, value: T) -> T:
        """Mask known secrets in plain data or a struct that is not going to be stored."""
        masked: T = rewritten(value, self.mask) if self.mask else value
        return masked


def decode_event(type: str, v: int, data: bytes) -> Event:
    """Decode a stored event.

    Raises StorageError if the type is unknown or the version is newer than this release, HistoryUnreadableError if the
    data does not fit.
    """
    decoder = _DECODERS.get(type)
    if decoder is None:
        raise StorageError(f"The journal holds an event of unknown type {type!r}. Use the release that wrote it.")
    try:
        current: int = EVENT_TYPES[type].VERSION
        if v == current:
            return decoder.decode(data)  # type: ignore[no-any-return]
        return _upcast(type, v, current, data)
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError) as exc:  # upcasters raise the last two
        raise HistoryUnreadableError(f"The journal holds a {type} event that does not fit its schema: {exc}") from exc


def _upcast(type: str, v: int, current: int, data: bytes) -> Event:
    if v > current:
        raise StorageError(f"The journal holds {type} version {v}, newer than this release knows. Use a newer release.")
    value = msgspec.json.decode(data)
    for version in range(v, current):
        upcaster = UPCASTERS.get((type, version))
        if upcaster is None:
            raise StorageError(
                f"The journal holds {type} version {version}, which cannot be converted to version {current}."
            )
        value = upcaster(value)
    return msgspec.convert(value, EVENT_TYPES[type])  # type: ignore[no-any-return]


def rfc3339(at: int) -> str:
    """Format microseconds since the epoch as RFC 3339, in UTC."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")[:-6] + "Z"


def microseconds(text: str) -> int:
    """Parse an RFC 3339 time. Returns microseconds since the epoch. Raises ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


class WireEvent(msgspec.Struct, frozen=True):
    """An event as clients get it."""

    run_id: str
    seq: int
    type: str
    at: str
    data: msgspec.Raw


def wire(entry: Entry) -> WireEvent:
    """Return a stored event in its public form, with its data unchanged."""
    return WireEvent(entry.stream, entry.seq, entry.type, rfc3339(entry.at), msgspec.Raw(entry.data))
