"""The environment that agent files and tools see: the variables of the process over those of `.env`."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from journeyman.errors import ConfigurationError, Problem

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Environment(Mapping[str, str]):
    """A read-only view of the process's variables and of those of `.env`, which never enter `os.environ`.

    A variable of the process, even an empty one, hides the one of the file.
    """

    def __init__(self, process: Mapping[str, str] | None = None, file: Mapping[str, str] | None = None) -> None:
        self._process = os.environ if process is None else process
        self._file = dict(file or {})

    def __getitem__(self, name: str) -> str:
        return self._process[name] if name in self._process else self._file[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._process
        yield from (name for name in self._file if name not in self._process)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Environment({len(self)} variables)"  # never their values

    def visible_in_file(self) -> dict[str, str]:
        """Return the variables of `.env` that none of the process hides. Names are compared as those of settings are,
        without regard to case."""
        given = {name.upper() for name in self._process}
        return {name: value for name, value in self._file.items() if name.upper() not in given}

    def is_of_process(self, name: str) -> bool:
        """Return whether the variable is one of the process, and not of `.env`."""
        return name in self._process

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names that are empty in the process and have a value in `.env`."""
        empty = {name.upper() for name, value in self._process.items() if not value}
        empty -= {name.upper() for name, value in self._process.items() if value}
        return tuple(name for name, value in self._file.items() if value and name.upper() in empty)


def read_env_file(path: Path | str | None) -> dict[str, str]:
    """Return the variables of a file of NAME=value lines. Empty without a path, and if there is no such file.

    A folder of that name, as some virtual environments are, is no such file.

    Raises ConfigurationError with every line that cannot be read. No message repeats what a line holds.
    """
    file = None if path is None else Path(path).expanduser()
    if file is None or not file.exists() or file.is_dir():
        return {}
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(
            f"The file '{path}' cannot be read: {exc}. Make it a UTF-8 file of NAME=value lines."
        ) from exc
    if unreadable := [each for each in parse_stream(io.StringIO(text)) if _is_unreadable(each)]:
        raise ConfigurationError("The settings cannot be used:", [_problem(each, str(path)) for each in unreadable])
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _is_unreadable(binding: Binding) -> bool:
    """Return whether the parser skips the line, or takes all of it for a name that no variable has."""
    return binding.error or (binding.value is None and binding.key is not None and not _NAME.fullmatch(binding.key))


def _problem(binding: Binding, file: str) -> Problem:
    first = binding.original.string.lstrip("\n")
    line = binding.original.line + len(binding.original.string) - len(first)
    message = "the line cannot be read"
    remedy = "write NAME=value, begin a comment with #, and close each quotation mark"
    return Problem(message, file=file, line=line, remedy=remedy)
