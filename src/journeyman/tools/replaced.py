"""Tools whose code was replaced, kept for the runs that started with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import Package

KEPT = 8  # replacements


class Tool(Protocol):
    """A tool with a spec."""

    @property
    def spec(self) -> ToolSpec:
        """The tool's spec."""
        ...


T = TypeVar("T", bound=Tool)


class LoadedCode:
    """The code of a tools folder in this process: its modules, and the resources that its tools have opened."""

    def __init__(self, package: Package | None = None) -> None:
        self.package = package
        self.resources = OpenResources()

    async def aclose(self) -> None:
        """Close the resources and drop the modules; idempotent."""
        if self.package is not None:
            self.package.unload()
        await self.resources.aclose()


class ReplacedTools(Generic[T]):
    """The tools of the last 8 replacements, by name and hash of their code."""

    def __init__(self) -> None:
        self._replaced: deque[tuple[dict[tuple[str, str], T], LoadedCode | None]] = deque()

    def get(self, spec: ToolSpec) -> T | None:
        """Return the replaced tool with the spec's name and code; None if it is not kept."""
        key = (spec.name, spec.code_hash)
        return next((tools[key] for tools, _ in reversed(self._replaced) if key in tools), None)

    def keep(self, tools: Iterable[T], code: LoadedCode | None) -> list[LoadedCode]:
        """Keep tools that are replaced now. `code`: their code, unless current tools use it, too.

        Returns the code of replacements that are dropped for it, which may be closed.
        """
        self._replaced.append(({(tool.spec.name, tool.spec.code_hash): tool for tool in tools}, code))
        dropped = [self._replaced.popleft()[1] for _ in range(len(self._replaced) - KEPT)]
        return [code for code in dropped if code is not None]

    def loaded_code(self) -> list[LoadedCode]:
        """Return the code of all kept tools."""
        return [code for _, code in self._replaced if code is not None]
