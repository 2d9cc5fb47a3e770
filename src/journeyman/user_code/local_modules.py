"""Modules beside the tools folder that its files import: found by reading the imports, without running any code."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from journeyman.errors import Problem
from journeyman.user_code.importing import MAX_BYTES, MAX_FILES, list_python_files
from journeyman.user_code.sources import MAX_KEPT, FolderSources, read_sources

BESIDE = "../"  # how the paths of these modules begin among the sources of the tools folder


class ToolSources(NamedTuple):
    """The sources of a tools folder and of the modules beside it that it imports, and why some cannot be imported."""

    sources: FolderSources
    problems: tuple[Problem, ...]


def read_tool_sources(path: Path) -> ToolSources:
    """Read a tools folder, or a single tool file, which has no modules beside it."""
    sources = read_sources(path)
    if not sources.files:
        return ToolSources(sources, ())
    found, problems = _local_modules(path.resolve().parent, sources.files)
    if sum(map(len, (*found.values(), *sources.files.values()))) > MAX_KEPT:
        text = f"with the modules beside it that it imports, the folder has more than {MAX_KEPT >> 20} MB of Python"
        return ToolSources(sources, (*problems, Problem(text, str(path), remedy="keep data in other files")))
    if not found:
        return ToolSources(sources, problems)
    digest = hashlib.sha256(sources.fingerprint.encode())
    for name, content in sorted(found.items()):
        digest.update(f"\0{name}\0".encode(errors="surrogateescape") + hashlib.sha256(content).digest())
    return ToolSources(FolderSources({**sources.files, **found}, digest.hexdigest()[:16]), problems)


def imported_paths(name: str, source: bytes) -> Iterator[str]:
    """Yield every path, counted from the tools folder, that an import in the file `name` may mean.

    An absolute import may mean a module beside the folder, a relative one a file in the folder of `name` or above it.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from paths_of_imports(name, ast.walk(tree))


def paths_of_imports(name: str, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield every path that an import among the nodes of the file `name` may mean, as `imported_paths` does."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _modules(PurePosixPath(BESIDE), alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from _imported_from(name, node)


def _imported_from(name: str, node: ast.ImportFrom) -> Iterator[str]:
    folders = [PurePosixPath(BESIDE)] if not node.level else folders_above(name)[node.level - 1 : node.level]
    for folder in folders:
        parts = node.module.split(".") if node.module else []
        yield from _modules(folder, parts)
        for alias in node.names:
            yield from _modules(folder, [*parts, alias.name])


def folders_above(name: str) -> list[PurePosixPath]:
    """Return the folders of a file, from its own to that of its top package."""
    folders = list(PurePosixPath(name).parents)
    return folders[:-1] if name.startswith(BESIDE) else folders


def _modules(folder: PurePosixPath, parts: list[str]) -> Iterator[str]:
    """Yield the files that a dotted name may mean, and beside the folder those of the packages above it."""
    path = folder.joinpath(*parts)
    for count in range(1, len(parts) if str(folder).startswith("..") else 0):
        yield f"{folder.joinpath(*parts[:count])}/__init__.py"
    yield from (f"{path}.py", f"{path}/__init__.py")


def _local_modules(folder: Path, sources: Mapping[str, bytes]) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """Return the modules in `folder` that the sources import, directly or not, and the problems of their files."""
    found: dict[str, bytes] = {}
    problems: list[Problem] = []
    waiting, seen = list(sources.items()), set(sources)
    while waiting and len(found) < MAX_FILES:
        name, content_of_name = waiting.pop()
        packages = (f"{each}/__init__.py" for each in folders_above(name))
        for path in (*imported_paths(name, content_of_name), *packages):
            if path in seen or not path.startswith(BESIDE):
                continue
            seen.add(path)
            content = _read(folder, path.removeprefix(BESIDE), problems)
            if content is not None:
                found[path] = content
                waiting.append((path, content))
    return found, tuple(problems)


def _read(folder: Path, name: str, problems: list[Problem]) -> bytes | None:
    """Read a module in the folder. None: there is none, it is installed, or its file has a problem."""
    file = folder / name
    if not file.is_file() or is_installed(name.partition("/")[0].removesuffix(".py"), folder):
        return None
    if not file.resolve().is_relative_to(folder):
        problems.append(
            Problem("it is a link to a file outside the folder", str(file), remedy="copy the file into the folder")
        )
        return None
    listing = list_python_files(file, max_bytes=MAX_BYTES)
    problems += listing.problems
    try:
        return file.read_bytes() if listing.files else None
    except OSError:
        return None


def is_installed(name: str, folder: Path) -> bool:
    """Return whether a module of this name can be imported, other than from `folder`. Installed modules come first."""
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != folder]
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            if find is not None and find(name, elsewhere if finder is PathFinder else None) is not None:
                return True
        except (ImportError, ValueError):
            continue
    return False


def modules_beside(names: Iterable[str], root: str) -> tuple[str, ...]:
    """Return the paths of the modules beside the tools folder `root`, by the names of its sources."""
    beside = sorted(name.removeprefix(BESIDE) for name in names if name.startswith(BESIDE))
    return tuple(str(Path(root).resolve().parent / name) for name in beside)
