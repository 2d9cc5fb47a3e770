"""Converts what a tool raised to an error: a text for the model, and a traceback for operators. Pure."""

from __future__ import annotations

import re
import traceback

from journeyman.errors import ServiceError, ToolExecutionError
from journeyman.events.messages import valid_text

MESSAGE_CAP = 1000  # characters of an exception's text
DETAIL_CAP = 8000  # characters of traceback
_MOST_MEMBERS, _DEEPEST_GROUP = 8, 4  # of an ExceptionGroup, that are named
_PATH = re.compile(r"(?<![\w/.:-])(?:/[\w.@+-]+){2,}")
_OF_FILES = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


class TransientToolError(ToolExecutionError):
    """A connection failed or timed out in the tool: another try may succeed, if the tool's effects allow one."""


class UnansweredToolError(TransientToolError):
    """A service got a request and did not answer it completely, so the outcome of a `once` call is unknown."""


def failure_of(exc: BaseException) -> ToolExecutionError:
    """Return an exception as a ToolExecutionError: its type and message without paths; `detail` is the traceback."""
    if isinstance(exc, ServiceError):  # not transient: the service's guard has done all retries
        return ToolExecutionError(without_paths(exc.message)[:MESSAGE_CAP], code=exc.code, detail=detail_of(exc))
    kind = TransientToolError if is_transient(exc) else ToolExecutionError
    return kind(readable(exc), detail=detail_of(exc))


def is_transient(exc: BaseException) -> bool:
    """Check whether an exception comes from the network and not from the call itself."""
    return isinstance(exc, OSError) and not isinstance(exc, _OF_FILES)


def readable(exc: BaseException) -> str:
    """Return `Type: message`, cut to 1000 characters, without folders of absolute paths. A group names its members."""
    return valid_text(without_paths(_text_of(exc)))[:MESSAGE_CAP]


def _text_of(exc: BaseException, depth: int = 0) -> str:
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 - __str__ is the tool's code
        text = ""
    name = type(exc).__name__
    named = f"{name}: {text}" if text else name
    if not isinstance(exc, BaseExceptionGroup) or depth == _DEEPEST_GROUP:
        return named
    return f"{named}: {'; '.join(_text_of(member, depth + 1) for member in exc.exceptions[:_MOST_MEMBERS])}"


def without_paths(text: str) -> str:
    """Replace absolute paths by their last part."""
    return _PATH.sub(lambda found: f"…/{found[0].rpartition('/')[2]}", text[: MESSAGE_CAP * 4])


def detail_of(exc: BaseException) -> str:
    """Return the traceback; only its end if it is long."""
    try:
        text = "".join(traceback.format_exception(exc))
    except Exception:  # noqa: BLE001 - __str__ is the tool's code
        text = type(exc).__name__
    return valid_text(text[-DETAIL_CAP:])
