"""A log record as a line: its fields, their masking, the three formats, and the handler that never holds anyone up."""

from __future__ import annotations

import logging
import os
import re
import select
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from journeyman.events.codec import Draft
from journeyman.events.fold import AgentState
from journeyman.events.redaction import redacted_data
from journeyman.ids import Ids
from journeyman.masking import MARK, Mask
from journeyman.resilience.signals import BreakerChanged, Retried, RetryWithheld, Signal

Bound = Callable[[], Mapping[str, str]]

_LOG = logging.getLogger(__name__)
IDS = ("request_id", "principal", "run_id", "thread_id", "trace_id")  # that are bound around work
CAP = 16 * 1024  # characters of one field
CHUNK = 4096  # a pipe that says it is writable takes this much without blocking (PIPE_BUF)
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "color_message"}
_CREDENTIAL = re.compile(r"(?i)(password|passwd|secret|token|api_?key|authorization|cookie|credential)$")
# After a scheme of Authorization, keys by their prefix, tokens of three parts, and who asks within an address.
_SHAPES = re.compile(
    r"((?:[Bb]earer|[Bb]asic)\s+)[\w.~+/=-]{8,}|\b(sk-|jm_)[\w-]{8,}"
    r"|\b(eyJ)[\w-]{8,}\.[\w-]+\.[\w-]+|(?<=://)()[^/?#@\s\"]+(?=@)"
)
_SIGNS = ("earer", "asic", "sk-", "jm_", "eyJ", "://")  # one of them stands in whatever has such a shape
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_encode = msgspec.json.Encoder(enc_hook=repr).encode


def fields(record: logging.LogRecord, bound: Mapping[str, str], ids: Ids) -> dict[str, Any]:
    """A record as data, in the order in which it is read; long values are cut, credentials by name masked."""
    data: dict[str, Any] = {
        "timestamp": _timestamp(record.created),
        "level": record.levelname.lower(),
        "message": _cut(record.getMessage()),
        "logger": record.name,
        "module": record.module,
        "function": record.funcName,
        "line": record.lineno,
        **bound,
    }
    for name, value in vars(record).items():
        if name not in _OWN:
            data[name] = MARK if _names_credential(name) else _cut(_without_credentials(value))
    if record.exc_info and record.exc_info[1] is not None:
        _add_exception(data, record.exc_info[1], ids)
    return data


@lru_cache(512)
def _names_credential(name: str) -> bool:
    return _CREDENTIAL.search(name) is not None


def _without_credentials(value: Any) -> Any:
    """Mappings within a field are looked at by name too: headers, say."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: MARK if isinstance(name, str) and _names_credential(name) else _without_credentials(item)
        for name, item in value.items()
    }


def _add_exception(data: dict[str, Any], exc: BaseException, ids: Ids) -> None:
    data["type"] = type(exc).__qualname__
    data.setdefault("error_id", getattr(exc, "error_id", None) or ids.new("err"))
    data["stack"] = _cut("".join(traceback.format_exception(exc)))


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > CAP:
        return f"{value[:CAP]}… ({len(value) - CAP} characters more)"
    return value


def as_json(data: dict[str, Any]) -> str:
    """One line of JSON, whatever the values are."""
    try:
        return _encode(data).decode()
    except (TypeError, ValueError, RecursionError):  # invalid text, odd keys, circles
        return _encode({name: _printable(str(value)) for name, value in data.items()}).decode()


def _printable(text: str) -> str:
    """No line breaks, no terminal escapes: a log line cannot be forged."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def by_shape(text: str) -> str:
    """The text without what looks like a credential, whoever's it is."""
    if any(sign in text for sign in _SIGNS):
        return _SHAPES.sub(lambda found: (found[1] or found[2] or found[3] or "") + MARK, text)
    return text


class Masker:
    """Replaces known secret values (8 characters or more), and what has the shape of one, in a line."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._known = Mask(secrets)

    def __call__(self, line: str) -> str:
        return by_shape(self._known(line))


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, bound: Bound, ids: Ids) -> None:
        super().__init__()
        self._bound = bound
        self._ids = ids

    def format(self, record: logging.LogRecord) -> str:
        return as_json(fields(record, self._bound(), self._ids))


class ConsoleFormatter(logging.Formatter):
    """A line for people: time, level, message, fields; a stack below it."""

    def __init__(self, bound: Bound, ids: Ids, *, colours: bool) -> None:
        super().__init__()
        self._bound = bound
        self._ids = ids
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        data = fields(record, self._bound(), self._ids)
        time, message, logger = data["timestamp"][11:], data["message"], data["logger"]
        stack = data.pop("stack", "")
        known = ("timestamp", "level", "message", "logger", "module", "function", "line")
        rest = [f"{name}={_printable(str(value))}" for name, value in data.items() if name not in known]
        colour = _COLOURS.get(record.levelname, "0")
        level, tail = self._paint(f"{record.levelname.lower():8}", colour), self._paint(" ".join([*rest, logger]), "2")
        line = f"{time} {level} {_printable(message)}  {tail}"
        return f"{line}\n{stack.rstrip()}" if stack else line

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text


class PatternFormatter(logging.Formatter):
    """A %-style pattern; the bound ids are among what it may name."""

    converter = staticmethod(time.gmtime)

    def __init__(self, pattern: str, bound: Bound) -> None:
        super().__init__(pattern, defaults=dict.fromkeys(IDS, ""))
        self._bound = bound

    def formatMessage(self, record: logging.LogRecord) -> str:
        for name, value in self._bound().items():
            record.__dict__.setdefault(name, value)
        return _printable(super().formatMessage(record))


class LineHandler(logging.Handler):
    """Writes masked lines to a stream; a full or closed pipe costs lines, never time and never the caller.

    What was dropped is told in the first line that gets through again.
    """

    def __init__(self, stream: TextIO, mask: Masker) -> None:
        super().__init__()
        self.dropped = 0
        self._torn = False  # the last line was cut short
        self._stream = stream
        self._mask = mask
        self._fd = _descriptor(stream)
        self._poll = select.poll()
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._mask(self.format(record))
        except Exception as exc:  # noqa: BLE001 - whoever logs must never fail by it
            line = as_json({"level": "error", "message": "a log record could not be formatted", "error": repr(exc)})
        if self.dropped and self._write(as_json({"level": "warning", "message": f"{self.dropped} log lines lost"})):
            self.dropped = 0
        if self.dropped or not self._write(line):
            self.dropped += 1

    def _write(self, line: str) -> bool:
        data = (line + "\n").encode("utf-8", "backslashreplace")
        try:
            if self._fd is None:
                self._stream.write(data.decode())
                return True
            return self._write_all(self._fd, data)
        except (OSError, ValueError):  # closed, broken, or gone
            return False

    def _write_all(self, fd: int, data: bytes) -> bool:
        data = b"\n" + data if self._torn else data
        for start in range(0, len(data), CHUNK):
            if not self._poll.poll(0):
                self._torn = self._torn or start > 0
                return False
            os.write(fd, data[start : start + CHUNK])
        self._torn = False
        return True


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def log_events(run: AgentState, drafts: Sequence[Draft]) -> None:
    """One line an event: its type, the run, its data as stored (secrets replaced), cut like any long field."""
    for draft in drafts:
        _LOG.info("event %s", draft.type, extra={"run_id": run.run_id, "event": redacted_data(draft.data).decode()})


def log_signal(signal: Signal) -> None:
    """Write what people want to read of it."""
    match signal:
        case BreakerChanged(guard, key, before, state):
            level = logging.WARNING if state == "open" else logging.INFO
            facts = {"guard": guard, "key": key, "before": before, "state": state}
            _LOG.log(level, "breaker of %s is %s", f"{guard} ({key})" if key else guard, state, extra=facts)
        case Retried(guard, key, attempt, code, pause):
            tried = {"guard": guard, "key": key, "attempt": attempt, "code": code}
            _LOG.info("try %d at %s failed, the next in %.1f seconds", attempt, guard, pause, extra=tried)
        case RetryWithheld(guard, key, code):
            facts = {"guard": guard, "key": key, "code": code}
            _LOG.debug("the retry budget of %s is spent", guard, extra=facts)
