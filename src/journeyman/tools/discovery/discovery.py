"""Which tools a folder holds, found by a child process: the server imports nothing to learn it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from journeyman.errors import Problem
from journeyman.tools.discovery.code_hash import FolderImports
from journeyman.tools.process.child import Child, ChildGoneError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.protocol import Begin, Ready, Report, Scan
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import list_python_files
from journeyman.user_code.sources import FolderSources, read_sources

FILE_SECONDS = 5.0  # for the import of one file
FOLDER_SECONDS = 10.0  # for all


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a file defines."""

    spec: ToolSpec
    target: ImportTarget
    line: int | None = None
    says_isolation: bool = True

    @property
    def inline(self) -> bool:
        """Whether the server imports the file too."""
        return self.spec.policy.isolation == "inline"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a folder gave: no two tools of one name, and a problem for each thing refused."""

    found: tuple[Found, ...] = ()
    problems: tuple[Problem, ...] = ()
    sources: FolderSources | None = None  # of the folder, as it was searched


async def discover(
    path: Path, *, file_seconds: float = FILE_SECONDS, folder_seconds: float = FOLDER_SECONDS
) -> Discovery:
    """The tools under `path` (a folder, or one file).

    The files are imported one after the other in one child process; one that hangs or ends the process costs a new
    process for the files after it, and is a problem like any other.
    """
    sources = await asyncio.to_thread(read_sources, path)  # first: what changes meanwhile is seen next time
    listing, root = list_python_files(path), folder_of(path)
    search = _Search(root, list(listing.files), file_seconds, sources)
    try:
        async with asyncio.timeout(folder_seconds):
            while search.remaining:
                await search.scan()
    except TimeoutError:
        search.give_up(folder_seconds)
    return Discovery(found=tuple(search.found), problems=(*listing.problems, *search.problems), sources=sources)


def folder_of(path: Path) -> Path:
    """The tools folder that a path names: itself, or the folder of the one file."""
    return path if path.is_dir() else path.parent


class _Search:
    """The files not yet imported, and what the others gave."""

    def __init__(self, root: Path, files: list[Path], file_seconds: float, sources: FolderSources) -> None:
        self._sources = sources
        self._imports = FolderImports(sources.files)
        self._root = root
        self._file_seconds = file_seconds
        self._names: dict[str, Path] = {}
        self.remaining = files
        self.found: list[Found] = []
        self.problems: list[Problem] = []

    async def scan(self) -> None:
        """Import what remains in a new process; returns early when a file stops it, that file being done with."""
        child = await Child.spawn("journeyman.tools.discovery.child_main", os.environ)
        try:
            names, sources = [str(file) for file in self.remaining], dict(self._sources.files)
            await child.send(Scan(root=str(self._root), files=names, sources=sources))
            while self.remaining:
                await self._next_report(child)
        except ChildGoneError:
            status = await child.ended()
            self._refuse(f"ended the process when imported (exit status {status})", "import must have no side effects")
        except _FileTimeoutError:
            self._refuse(f"takes longer than {self._file_seconds:g} seconds to import", "do slow work in the tool")
        finally:
            child.kill()
            await child.reap()

    async def _next_report(self, child: Child) -> None:
        match await child.receive():
            case Begin():
                try:
                    async with asyncio.timeout(self._file_seconds):
                        report = await child.receive()
                except TimeoutError as exc:
                    raise _FileTimeoutError from exc
                if not isinstance(report, Report):
                    raise ChildGoneError
                self._add(self.remaining.pop(0), report)
            case Ready():
                pass
            case _:
                raise ChildGoneError

    def _add(self, file: Path, report: Report) -> None:
        self.problems += [Problem(**msgspec.structs.asdict(trouble)) for trouble in report.troubles]
        for seen in report.tools:
            spec = msgspec.structs.replace(
                seen.spec, source=self._source(file, seen.line), code_hash=self._code_hash(file) or seen.spec.code_hash
            )
            other = self._names.setdefault(spec.name, file)
            if any(found.spec.name == spec.name for found in self.found):
                text = f"tool {spec.name!r} is defined in {other.name} already"
                self.problems.append(Problem(text, file=str(file), line=seen.line, remedy="rename one"))
                continue
            target = ImportTarget(
                attribute=seen.attribute,
                file=str(file),
                root=str(self._root),
                code_hash=spec.code_hash,
                folder=self._sources.fingerprint,
            )
            self.found.append(Found(spec=spec, target=target, line=seen.line, says_isolation=seen.says_isolation))

    def _code_hash(self, file: Path) -> str | None:
        return self._imports.code_hash(file.relative_to(self._root).as_posix())

    def _source(self, file: Path, line: int | None) -> str:
        name = file.relative_to(self._root).as_posix()
        return name if line is None else f"{name}:{line}"

    def _refuse(self, message: str, remedy: str) -> None:
        if self.remaining:
            self.problems.append(Problem(message, file=str(self.remaining.pop(0)), remedy=remedy))

    def give_up(self, seconds: float) -> None:
        """Every file that time did not suffice for is a problem."""
        while self.remaining:
            self._refuse(f"not imported: the folder takes longer than {seconds:g} seconds", "do slow work in the tool")


class _FileTimeoutError(Exception):
    pass
