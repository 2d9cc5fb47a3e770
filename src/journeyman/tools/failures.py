"""What a tool raised -> a failure that the model may read and operators can follow up. Pure."""

from __future__ import annotations

import re
import traceback

from journeyman.errors import ServiceError, ToolExecutionError
from journeyman.events.messages import valid_text

MESSAGE_CAP = 1000  # characters of an exception's text
DETAIL_CAP = 8000  # characters of traceback
_PATH = re.compile(r"(?<![\w/.:-])(?:/[\w.@+-]+){2,}")
_OF_FILES = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


class TransientToolError(ToolExecutionError):
    """A connection failed or a wait ended inside the tool: another try may do, if the effects allow one."""


class UnansweredToolError(TransientToolError):
    """A service was asked and did not answer to the end: it may have acted, so a `once` call's outcome is unknown."""


def failure_of(exc: BaseException) -> ToolExecutionError:
    """The exception's type and message without paths; its traceback in `detail`."""
    if isinstance(exc, ServiceError):  # the guard has tried again as often as it may
        return ToolExecutionError(without_paths(exc.message)[:MESSAGE_CAP], code=exc.code, detail=detail_of(exc))
    kind = TransientToolError if is_transient(exc) else ToolExecutionError
    return kind(readable(exc), detail=detail_of(exc))


def is_transient(exc: BaseException) -> bool:
    """Whether it looks like the network and not like the call."""
    return isinstance(exc, OSError) and not isinstance(exc, _OF_FILES)


def readable(exc: BaseException) -> str:
    """`Type: message`, capped, absolute paths cut to their last part."""
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 - __str__ is the tool's code
        text = ""
    name = type(exc).__name__
    return valid_text(without_paths(f"{name}: {text}" if text else name))[:MESSAGE_CAP]


def without_paths(text: str) -> str:
    return _PATH.sub(lambda found: f"…/{found[0].rpartition('/')[2]}", text[: MESSAGE_CAP * 4])


def detail_of(exc: BaseException) -> str:
    """The traceback, its end kept when it is long."""
    try:
        text = "".join(traceback.format_exception(exc))
    except Exception:  # noqa: BLE001 - __str__ is the tool's code
        text = type(exc).__name__
    return valid_text(text[-DETAIL_CAP:])
