"""The hash of a tool file's code: of the file and of all that it imports from its folder and from beside it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from journeyman.user_code.local_modules import folders_above, imported_paths


class FolderImports:
    """The imports of a folder's files (name below the folder -> content) from each other. Each file is parsed once."""

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
            packages = {str(folder / "__init__.py") for folder in folders_above(name)} - {name}
            candidates = imported_paths(name, self._files[name])
            self._imports[name] = frozenset(file for file in (*packages, *candidates) if file in self._files)
        return self._imports[name]
