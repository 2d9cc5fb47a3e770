"""Tools whose code was replaced, kept for the runs that began with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import Package

KEPT = 8  # replacements


class Tool(Protocol):
    @property
    def spec(self) -> ToolSpec: ...


T = TypeVar("T", bound=Tool)


class Code:
    """What one import of a tools folder brought into this process: its modules, and the resources that they opened."""

    def __init__(self, package: Package | None = None) -> None:
        self.package = package
        self.resources = OpenResources()

    async def aclose(self) -> None:
        """Clean up what is open and let the modules go; idempotent."""
        if self.package is not None:
            self.package.unload()
        await self.resources.aclose()


class ReplacedTools(Generic[T]):
    """The tools of the last 8 replacements, by name and hash of their code."""

    def __init__(self) -> None:
        self._replaced: deque[tuple[dict[tuple[str, str], T], Code | None]] = deque()

    def get(self, spec: ToolSpec) -> T | None:
        key = (spec.name, spec.code_hash)
        return next((tools[key] for tools, _ in reversed(self._replaced) if key in tools), None)

    def keep(self, tools: Iterable[T], code: Code | None) -> list[Code]:
        """Remember what is replaced now. `code`: theirs, if nothing current uses it; returned: what may be closed."""
        self._replaced.append(({(tool.spec.name, tool.spec.code_hash): tool for tool in tools}, code))
        gone = [self._replaced.popleft()[1] for _ in range(len(self._replaced) - KEPT)]
        return [code for code in gone if code is not None]

    def codes(self) -> list[Code]:
        return [code for _, code in self._replaced if code is not None]
