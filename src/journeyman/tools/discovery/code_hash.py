"""What a file's code is: the file, and what it imports out of its own folder, however far. Pure."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath


class FolderImports:
    """The relative imports of a folder's files (name below the folder -> content), each file parsed once."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._imports: dict[str, frozenset[str]] = {}

    def code_hash(self, name: str) -> str | None:
        """16 hexadecimal digits over the file and all that it imports; None if the folder has no such file."""
        if name not in self._files:
            return None
        reached, waiting = {name}, [name]
        while waiting:
            new = self._imported(waiting.pop()) - reached
            reached |= new
            waiting += new
        if len(reached) == 1:
            return hashlib.sha256(self._files[name]).hexdigest()[:16]
        parts = [f"{each}\0{hashlib.sha256(self._files[each]).hexdigest()}" for each in sorted(reached)]
        return hashlib.sha256("\n".join([name, *parts]).encode(errors="surrogateescape")).hexdigest()[:16]

    def _imported(self, name: str) -> frozenset[str]:
        if name not in self._imports:
            folders = PurePosixPath(name).parents
            packages = {str(folder / "__init__.py") for folder in folders} - {name}
            self._imports[name] = frozenset(each for each in (*packages, *self._named(name)) if each in self._files)
        return self._imports[name]

    def _named(self, name: str) -> Iterator[str]:
        """Every file that the relative imports of one may mean."""
        try:
            tree = ast.parse(self._files[name])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        folders = list(PurePosixPath(name).parents)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(folders):
                base = folders[node.level - 1].joinpath(*(node.module or "").split("."))
                for place in (base, *(base / alias.name for alias in node.names)):
                    yield from (f"{place}.py", f"{place}/__init__.py")
