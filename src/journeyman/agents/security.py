"""What an agent file may not hold or be: literal credentials, ways out of its folder, files that anybody may write."""

from __future__ import annotations

import math
import os
import re
import stat
from collections import Counter
from pathlib import Path

from journeyman.agents.document import Document, YamlPath
from journeyman.agents.environment import texts, without_references
from journeyman.errors import Problem

_CREDENTIAL = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"
    r"|\b(?:sk|rk)_live_[A-Za-z0-9]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAKIA[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bjm_[A-Za-z0-9_-]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,400}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{12,}"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_SECRET_KEY = re.compile(
    r"(?:api|access|secret|private)[_-]?key|[_-]key$|token|secret|passw|credential|authorization", re.I
)
_SECRET_LENGTH = 8
_SECRET_ENTROPY = 2.5  # bits a character: words in lower case stay below it or in one class of characters


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
    if _CREDENTIAL.search(text):
        return True
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return bool(_SECRET_KEY.search(key)) and _looks_random(text)


def _looks_random(text: str) -> bool:
    if len(text) < _SECRET_LENGTH or re.search(r"\s", text):
        return False
    classes = sum(bool(re.search(pattern, text)) for pattern in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return classes >= 2 and entropy >= _SECRET_ENTROPY


def _name(path: YamlPath) -> str:
    return ".".join(str(part) for part in path) or "the file"


def file_permissions(path: Path) -> list[Problem]:
    """An error for a file that anybody may write, a warning for one that its group may."""
    if os.name == "nt":  # its modes say nothing about who may write
        return []
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        return [Problem("anybody on this machine may change the file", str(path), remedy=f"chmod o-w {path.name}")]
    if mode & stat.S_IWGRP:
        return [
            Problem("its group may change the file", str(path), remedy=f"chmod g-w {path.name}", severity="warning")
        ]
    return []


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
