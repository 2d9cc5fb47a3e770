from __future__ import annotations

import hashlib

import pytest

from journeyman.tools.discovery.code_hash import FolderImports

FILES = {
    "a.py": b"from .lib import words",
    "lone.py": b"import os",
    "broken.py": b"from . import (",
    "lib/__init__.py": b"from ..shared import X",
    "lib/words.py": b"from . import more\nfrom ... import beyond",
    "lib/more.py": b"from ..a import nothing",
    "lib/unused.py": b"",
    "shared.py": b"X = 1",
}


def code_hash(name: str, **changed: bytes) -> str | None:
    return FolderImports(FILES | {path.replace("__", "/") + ".py": text for path, text in changed.items()}).code_hash(
        name
    )


@pytest.mark.parametrize("changed", ["a", "lib__words", "lib__more", "shared"])
def test_the_hash_covers_all_that_a_file_imports(changed: str) -> None:
    assert code_hash("a.py", **{changed: b"# changed"}) != code_hash("a.py")


@pytest.mark.parametrize("changed", ["lone", "lib__unused", "broken"])
def test_the_hash_does_not_cover_other_files(changed: str) -> None:
    assert code_hash("a.py", **{changed: b"# changed"}) == code_hash("a.py")


def test_a_file_that_imports_nothing_of_its_folder_is_its_own_hash() -> None:
    for name in ("lone.py", "broken.py"):
        assert code_hash(name) == hashlib.sha256(FILES[name]).hexdigest()[:16]
    assert code_hash("nowhere.py") is None


def test_the_hash_of_a_file_stays_what_earlier_releases_stored() -> None:
    files = {
        "a.py": b"import b\nfrom .lib.words import X\n",
        "lib/__init__.py": b"",
        "lib/words.py": b"X = 1",
        "b.py": b"",
    }
    assert FolderImports(files).code_hash("a.py") == "d58a0cfcb7d3a568"
    beside = FolderImports({**files, "../b.py": b"", "../lib/__init__.py": b""})
    assert beside.code_hash("a.py") != "d58a0cfcb7d3a568"
