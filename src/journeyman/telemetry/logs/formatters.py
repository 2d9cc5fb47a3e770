"""Formats log records, run events and guard signals as lines, masks secrets in them, and writes them to a stream."""

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

from journeyman.events.amounts import short_id
from journeyman.events.codec import Draft
from journeyman.events.fold import AgentState
from journeyman.events.hidden_characters import escape_hidden
from journeyman.events.redaction import redacted_data
from journeyman.ids import Ids
from journeyman.masking import MARK, Mask
from journeyman.resilience.signals import BreakerChanged, Retried, RetryWithheld, Signal
from journeyman.telemetry.logs.tracebacks import readable_traceback

BoundIds = Callable[[], Mapping[str, str]]

IDS = ("request_id", "principal", "run_id", "thread_id", "trace_id")  # that can be bound to a task's records
MAX_CHARACTERS = 16 * 1024  # of one field
CHUNK_BYTES = 4096  # PIPE_BUF: a writable pipe takes this much without blocking

ON_TERMINAL = "on_terminal"  # extra of a record: what a terminal shows in place of message and fields

_LOG = logging.getLogger(__name__)
_RECORD_ATTRIBUTES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    "color_message",
    ON_TERMINAL,
}
_SHOWN_BY_CONSOLE = ("timestamp", "level", "message", "logger", "module", "function", "line")
_CREDENTIAL_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|authorization|cookie|credential)$")
# The value after an Authorization scheme, keys by their prefix, tokens of three parts, and the userinfo of an address.
_CREDENTIAL_SHAPE = re.compile(
    r"((?:[Bb]earer|[Bb]asic)\s+)[\w.~+/=-]{8,}|\b(sk-|jm_)[\w-]{8,}"
    r"|\b(eyJ)[\w-]{8,}\.[\w-]+\.[\w-]+|(?<=://)()[^/?#@\s\"]+(?=@)"
)
_CREDENTIAL_SIGNS = ("earer", "asic", "sk-", "jm_", "eyJ", "://")  # each text of that shape contains one of them
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_encode = msgspec.json.Encoder(enc_hook=repr).encode


# --- The fields of a record


def record_fields(record: logging.LogRecord, bound: Mapping[str, str], ids: Ids) -> dict[str, Any]:
    """Return a log record's fields in the order of the line. Long values are cut, credentials masked by their name."""
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
        if name not in _RECORD_ATTRIBUTES:
            data[name] = MARK if _names_credential(name) else _cut(_mask_by_name(value))
    if record.exc_info and record.exc_info[1] is not None:
        _add_exception(data, record.exc_info[1], ids)
    return data


def _add_exception(data: dict[str, Any], exc: BaseException, ids: Ids) -> None:
    data["type"] = type(exc).__qualname__
    data.setdefault("error_id", getattr(exc, "error_id", None) or ids.new("err"))
    data["stack"] = _cut("".join(traceback.format_exception(exc)))


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        return f"{value[:MAX_CHARACTERS]}… ({len(value) - MAX_CHARACTERS} characters more)"
    return value


# --- Masking


class Masker:
    """Masks known secret values of 8 characters or more, and text that looks like a credential, in a line."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._known = Mask(secrets)

    def __call__(self, line: str) -> str:
        """Return the masked line."""
        return mask_by_shape(self._known(line))


def mask_by_shape(text: str) -> str:
    """Mask what looks like a credential, such as a bearer token or the password of an address."""
    if any(sign in text for sign in _CREDENTIAL_SIGNS):
        return _CREDENTIAL_SHAPE.sub(lambda match: (match[1] or match[2] or match[3] or "") + MARK, text)
    return text


def _mask_by_name(value: Any) -> Any:
    """Mask the credentials of a mapping and of mappings inside it, such as headers, by the names of its keys."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: MARK if isinstance(name, str) and _names_credential(name) else _mask_by_name(item)
        for name, item in value.items()
    }


@lru_cache(512)
def _names_credential(name: str) -> bool:
    return _CREDENTIAL_NAME.search(name) is not None


# --- The formats of LOG_FORMAT


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on a line."""

    def __init__(self, bound: BoundIds, ids: Ids) -> None:
        super().__init__()
        self._bound = bound
        self._ids = ids

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        return _json_line(record_fields(record, self._bound(), self._ids))


class ConsoleFormatter(logging.Formatter):
    """Formats a record as a line for people: time, level, message and fields, with a stack below it.

    On a terminal, a record may have a shorter line instead, texts of several lines are below theirs, and a stack has
    no frames of libraries. `mask` masks such texts before their lines are indented.
    """

    def __init__(self, bound: BoundIds, ids: Ids, mask: Masker, *, terminal: bool) -> None:
        super().__init__()
        self._bound = bound
        self._ids = ids
        self._mask = mask
        self._terminal = terminal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and the lines below it if there are any."""
        data = record_fields(record, self._bound(), self._ids)
        time, stack = data["timestamp"][11:], data.pop("stack", "")
        level = self._paint(f"{record.levelname.lower():8}", _COLOURS.get(record.levelname, "0"))
        if self._terminal and (short := getattr(record, ON_TERMINAL, None)) is not None:
            return f"{time} {level} {_escape(_cut(str(short)))}"
        below = self._take_blocks(data, record)
        if self._terminal:
            _shorten_ids(data)
        rest = [f"{name}={_escape(str(value))}" for name, value in data.items() if name not in _SHOWN_BY_CONSOLE]
        tail = self._paint(" ".join([*rest, data["logger"]]), "2")
        line = f"{time} {level} {_escape(data['message'])}  {tail}"
        return "\n".join([line, *below, *([stack.rstrip()] if stack and not self._terminal else [])])

    def _take_blocks(self, data: dict[str, Any], record: logging.LogRecord) -> list[str]:
        """Take the fields with several lines out of the data of a terminal's line, and return the lines below it.

        They are indented, so that none of them can pass for a line of the log.
        """
        if not self._terminal:
            return []
        names = [name for name, value in data.items() if name not in _SHOWN_BY_CONSOLE and "\n" in str(value)]
        blocks = [str(data.pop(name)) for name in names]
        if record.exc_info and record.exc_info[1] is not None:
            blocks.append(_cut(readable_traceback(record.exc_info[1])))
        return [f"    {_escape(line)}" for block in blocks for line in self._mask(block).rstrip().split("\n")]

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._terminal else text


def _shorten_ids(data: dict[str, Any]) -> None:
    """Leave the run's id of the bound ids, and of that the beginning: commands find the run by it."""
    for name in IDS:
        if name != "run_id":
            data.pop(name, None)
    if isinstance(run := data.get("run_id"), str):
        data["run_id"] = short_id(run)


class PatternFormatter(logging.Formatter):
    """Formats a record by a %-style pattern, which may name the bound ids."""

    converter = staticmethod(time.gmtime)

    def __init__(self, pattern: str, bound: BoundIds) -> None:
        super().__init__(pattern, defaults=dict.fromkeys(IDS, ""))
        self._bound = bound

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record's line, without a stack."""
        for name, value in self._bound().items():
            record.__dict__.setdefault(name, value)
        return _escape(super().formatMessage(record))


def _json_line(data: dict[str, Any]) -> str:
    """Return one line of JSON for any values, also for those that JSON does not have."""
    try:
        return _encode(data).decode()
    except (TypeError, ValueError, RecursionError):  # invalid Unicode, odd keys, or values that contain themselves
        return _encode({name: _escape(str(value)) for name, value in data.items()}).decode()


def _escape(text: str) -> str:
    """Escape line breaks, terminal controls and hidden characters, so that no text can forge a log line."""
    return escape_hidden(_CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text))


# --- Writing


class LineHandler(logging.Handler):
    """Writes masked lines to a stream without blocking or raising.

    Lines are dropped while a pipe is full or closed. Their number is written before the next line that succeeds.
    """

    def __init__(self, stream: TextIO, mask: Masker) -> None:
        super().__init__()
        self.dropped = 0
        self._torn = False  # only a part of the last line was written
        self._stream = stream
        self._mask = mask
        self._fd = _descriptor(stream)
        self._poll = select.poll()
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or count it as dropped."""
        try:
            line = self._mask(self.format(record))
        except Exception as exc:  # noqa: BLE001 - logging must not raise into the caller
            line = _json_line({"level": "error", "message": "a log record could not be formatted", "error": repr(exc)})
        if self.dropped and self._write(_json_line({"level": "warning", "message": f"{self.dropped} log lines lost"})):
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
        except (OSError, ValueError):  # the stream is closed or broken
            return False

    def _write_all(self, fd: int, data: bytes) -> bool:
        data = b"\n" + data if self._torn else data
        for start in range(0, len(data), CHUNK_BYTES):
            if not self._poll.poll(0):
                self._torn = self._torn or start > 0
                return False
            os.write(fd, data[start : start + CHUNK_BYTES])
        self._torn = False
        return True


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


# --- Events and signals


def log_events(run: AgentState, drafts: Sequence[Draft]) -> None:
    """Log each event of a run with its data as it is stored, in which secrets are masked."""
    for draft in drafts:
        _LOG.info("event %s", draft.type, extra={"run_id": run.run_id, "event": redacted_data(draft.data).decode()})


def log_signal(signal: Signal) -> None:
    """Log a guard's signal: changes of a breaker, retries, and retries that the budget does not allow."""
    match signal:
        case BreakerChanged(guard, key, before, state):
            level = logging.WARNING if state == "open" else logging.INFO
            fields = {"guard": guard, "key": key, "before": before, "state": state}
            _LOG.log(level, "breaker of %s is %s", f"{guard} ({key})" if key else guard, state, extra=fields)
        case Retried(guard, key, attempt, code, pause):
            attempted = {"guard": guard, "key": key, "attempt": attempt, "code": code}
            _LOG.info(
                "attempt %d at %s failed; the next one follows in %.1f seconds", attempt, guard, pause, extra=attempted
            )
        case RetryWithheld(guard, key, code):
            withheld = {"guard": guard, "key": key, "code": code}
            _LOG.debug("a failed call to %s is not repeated: the retry budget is spent", guard, extra=withheld)
