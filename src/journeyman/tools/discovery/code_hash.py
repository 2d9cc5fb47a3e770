"""The hash of a tool file's code: of the file and of all that it imports from its folder, directly or not. Pure."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath


class FolderImports:
    """The relative imports of a folder's files (name below the folder -> content). Each file is parsed once."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._imports: dict[str, frozenset[str]] = {}

    def code_hash(self, name: str) -> str | None:
        """Return the hash as 16 hexadecimal digits; None if the folder has no such file."""
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
            self._imports[name] = frozenset(
                file for file in (*packages, *self._candidates(name)) if file in self._files
            )
        return self._imports[name]

    def _candidates(self, name: str) -> Iterator[str]:
        """Yield every file name that a relative import of the file may mean."""
        try:
            tree = ast.parse(self._files[name])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        folders = list(PurePosixPath(name).parents)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(folders):
                base = folders[node.level - 1].joinpath(*(node.module or "").split("."))
                for module in (base, *(base / alias.name for alias in node.names)):
                    yield from (f"{module}.py", f"{module}/__init__.py")
