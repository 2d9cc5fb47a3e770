"""Safety checks of agent files: literal credentials, unsafe permissions, and paths that leave the folder."""

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
    """Return a problem for each text that looks like a credential. The text is not part of the problem."""
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
    """Return an error if all users may write the file, and warnings if its group may, or if its owner is untrusted.

    `owners` are the user ids of trusted owners; None: root and the user of this process.
    """
    owners = trusted_owners() if owners is None else owners
    if owners is None:  # on this platform the mode does not say who may write
        return []
    status = path.stat()
    if status.st_mode & stat.S_IWOTH:
        return [Problem("every user of this machine may change the file", str(path), remedy=f"chmod o-w {path.name}")]
    found = []
    if status.st_mode & stat.S_IWGRP:
        found.append(("its group may change the file", f"chmod g-w {path.name}"))
    if status.st_uid not in owners:
        found.append((f"the file {UNTRUSTED_OWNER}", "chown it to that user, or to root"))
    return [Problem(message, str(path), remedy=remedy, severity="warning") for message, remedy in found]


def file_inside(folder: Path, relative: str) -> Path:
    """Return the regular file at the path `relative` to `folder`. Raises ValueError if it is not inside it."""
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
