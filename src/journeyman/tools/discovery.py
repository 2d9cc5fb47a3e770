"""Which tools a folder holds, found by a child process: the server imports nothing to learn it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from journeyman.errors import Problem
from journeyman.tools.spec import ToolSpec
from journeyman.tools.target import Target


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a file defines."""

    spec: ToolSpec
    target: Target
    line: int | None = None

    @property
    def inline(self) -> bool:
        """Whether the server imports the file too."""
        return self.spec.isolation == "inline"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a folder gave: no two tools of one name, and a problem for each thing refused."""

    found: tuple[Found, ...] = ()
    problems: tuple[Problem, ...] = ()


async def discover(path: Path) -> Discovery:
    raise NotImplementedError
