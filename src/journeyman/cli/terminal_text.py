"""Text at the edge of the process: arguments and standard streams, in whatever encoding the terminal has."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def tolerate_encodings() -> None:
    """Escape output that the terminal's encoding does not have, and replace input that it cannot decode.

    By default both end the command with a traceback.
    """
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(ValueError):  # closed, or read from before
                stream.reconfigure(errors=errors)


def decoded(argument: str) -> str:
    """Return an argument of the command line as valid text.

    Bytes that the locale's encoding does not have are read as UTF-8. The name of a file that exists stays as it is.
    """
    if argument.isascii() or not any("\ud800" <= character <= "\udfff" for character in argument):
        return argument
    if os.path.lexists(argument):
        return argument
    try:
        return os.fsencode(argument).decode("utf-8", "replace")
    except UnicodeEncodeError:  # not every encoding gives back the bytes that it decoded
        return argument.encode("utf-8", "replace").decode()
