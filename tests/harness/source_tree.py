"""The source tree as data: files, syntax trees, and what git keeps. Read once, for the tests of this folder."""

from __future__ import annotations

import ast
import gc
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "journeyman"


@cache
def tree(file: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(file.read_text())


@cache
def trees(folder: Path = SOURCE) -> dict[str, ast.Module]:
    """Path from the root -> syntax tree, of every Python file under the folder."""
    with _without_collections():
        return {str(file.relative_to(ROOT)): tree(file) for file in sorted(folder.rglob("*.py"))}


@cache
def _by_kind(folder: Path) -> dict[type[ast.AST], list[tuple[str, ast.AST]]]:
    found: dict[type[ast.AST], list[tuple[str, ast.AST]]] = defaultdict(list)
    with _without_collections():
        for file, module in trees(folder).items():
            for node in ast.walk(module):
                found[type(node)].append((file, node))
    return dict(found)


def nodes(*kinds: type[ast.AST], folder: Path = SOURCE) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of these kinds with its file, one kind after the other."""
    for kind in kinds:
        yield from _by_kind(folder).get(kind, ())


@contextmanager
def _without_collections() -> Iterator[None]:
    """Make objects that last until the end: garbage collections while they are made take 70 % of the time."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@cache
def committed() -> dict[str, str]:
    """Path from the root -> text, of every text file that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {
        name: (ROOT / name).read_text(errors="replace")
        for name in listed.split("\0")
        if name and (ROOT / name).is_file()
    }


def page(name: str) -> str:
    """A page of the documentation, by its path under docs/."""
    return (ROOT / "docs" / name).read_text()
