"""The folders for temporary files of tools: one for each principal, so that no caller sees what another's call left."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

LOCAL = "local"  # the principal while AUTH_MODE is off: there is no other one


class TemporaryFolders:
    """Makes a folder for a principal when it is first asked for; they stay until all are removed."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, principal: str) -> str | None:
        """Return the principal's folder. None: its tools share that of the machine, as there is one principal only.

        Raises:
            OSError: no folder can be made.
        """
        if principal == LOCAL:
            return None
        if principal not in self._folders or not Path(self._folders[principal]).is_dir():
            self._folders[principal] = tempfile.mkdtemp(prefix="journeyman-")
        return self._folders[principal]

    def remove(self) -> None:
        """Remove every folder with what is in it."""
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()
