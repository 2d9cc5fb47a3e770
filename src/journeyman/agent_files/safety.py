"""What an agent file may not hold or be: literal credentials, ways out of its folder, files that anybody may write."""

from __future__ import annotations

import stat
from collections.abc import Container
from pathlib import Path

from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.variables import texts, without_references
from journeyman.errors import Problem
from journeyman.tools.lint.credentials import is_credential
from journeyman.user_code.importing import UNTRUSTED_OWNER, trusted_owners


def literal_credentials(document: Document) -> list[Problem]:
    """One problem for each text that looks like a credential; its value is not repeated."""
    return [
        document.problem(
            path, f"{_name(path)} holds a literal credential", "put it into the environment and write ${NAME} here"
        )
        for path, text in texts(document.data)
        if _is_credential(path, without_references(text))
    ]


def _is_credential(path: YamlPath, text: str) -> bool:
    return is_credential(next((part for part in reversed(path) if isinstance(part, str)), ""), text)


def _name(path: YamlPath) -> str:
    return ".".join(str(part) for part in path) or "the file"


def file_permissions(path: Path, owners: Container[int] | None = None) -> list[Problem]:
    """An error for a file that anybody may write; warnings for one that its group may, or whose owner is not among the
    `owners` (None: root and who runs this)."""
    owners = trusted_owners() if owners is None else owners
    if owners is None:  # its modes say nothing about who may write
        return []
    status = path.stat()
    if status.st_mode & stat.S_IWOTH:
        return [Problem("anybody on this machine may change the file", str(path), remedy=f"chmod o-w {path.name}")]
    found = []
    if status.st_mode & stat.S_IWGRP:
        found.append(("its group may change the file", f"chmod g-w {path.name}"))
    if status.st_uid not in owners:
        found.append((f"the file {UNTRUSTED_OWNER}", "chown it to that user, or to root"))
    return [Problem(message, str(path), remedy=remedy, severity="warning") for message, remedy in found]


def inside(folder: Path, relative: str) -> Path:
    """The regular file `relative` names below `folder`. Raises ValueError, with a sentence, for anything else."""
    if not relative or "\0" in relative:
        raise ValueError("no file is named")
    root = folder.resolve()
    try:
        path = (root / relative).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{relative} lies outside the agent's folder")
        if not path.is_file():
            raise ValueError(f"there is no file {relative} in the agent's folder")
    except (OSError, RuntimeError) as exc:  # a loop of links, a name that is too long
        raise ValueError(f"{relative[:100]} cannot be opened") from exc
    return path
