"""The source tree as data: files, syntax trees, and what git keeps. Read once, for the tests of this folder."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "journeyman"


@cache
def trees(folder: Path = SOURCE) -> dict[str, ast.Module]:
    """Path from the root -> syntax tree, of every Python file under the folder."""
    files = sorted(folder.rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


@cache
def _all_nodes(folder: Path) -> tuple[tuple[str, ast.AST], ...]:
    return tuple((file, node) for file, tree in trees(folder).items() for node in ast.walk(tree))


def nodes(*kinds: type[ast.AST], folder: Path = SOURCE) -> Iterator[tuple[str, ast.AST]]:
    """Every node of these kinds, with its file."""
    return (each for each in _all_nodes(folder) if isinstance(each[1], kinds))


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
