"""Recognises literal credentials in code and in agent files."""

from __future__ import annotations

import math
import re
from collections import Counter

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


def is_credential(name: str, text: str) -> bool:
    """Check whether `text` has the form of a credential, or looks random while `name` says that it holds one."""
    return bool(_CREDENTIAL.search(text)) or (bool(_SECRET_KEY.search(name)) and _looks_random(text))


def _looks_random(text: str) -> bool:
    if len(text) < _SECRET_LENGTH or re.search(r"\s", text):
        return False
    classes = sum(bool(re.search(pattern, text)) for pattern in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return classes >= 2 and entropy >= _SECRET_ENTROPY
