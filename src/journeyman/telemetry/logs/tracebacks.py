"""Tracebacks for people: the frames of their own code, without those of libraries."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

LEAST_FRAMES = 3  # that are shown, also if all of them are of libraries
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def readable_traceback(exc: BaseException) -> str:
    """Return the traceback of an exception, its causes and the members of a group, with paths from the work folder."""
    described = traceback.TracebackException.from_exception(exc, compact=True)
    _shorten(described)
    return "".join(described.format()).rstrip()


def _shorten(described: traceback.TracebackException) -> None:
    described.stack = traceback.StackSummary.from_list(_own_frames(described.stack))
    inner = (described.__cause__, described.__context__, *(described.exceptions or ()))
    for each in inner:
        if each is not None:
            _shorten(each)


def _own_frames(frames: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Return the frames outside of libraries, and the last one, where the exception was raised."""
    own = [frame for frame in frames if not _is_library(frame.filename)]
    shown = own if own else list(frames[-LEAST_FRAMES:])
    if frames and frames[-1] not in shown:
        shown = [*shown, frames[-1]]
    return [_with_short_path(frame) for frame in shown]


def _is_library(filename: str) -> bool:
    return filename.startswith(("<frozen", *_LIBRARIES))


def _with_short_path(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    path = Path(frame.filename)
    name = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else frame.filename
    return traceback.FrameSummary(name, frame.lineno, frame.name, lookup_line=False, line=frame.line)
