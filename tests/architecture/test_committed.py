"""What is committed names no machine and no registry; locks carry versions and hashes and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.harness.source_tree import ROOT, committed

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-peers.txt")
REGISTRIES = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")))
INDEX = re.compile(r"(?:--(?:extra-)?index-url[ =]+|index[-_]url\s*=\s*)\S")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pinned = [block for block in re.split(r"\n(?=\S)", text) if re.match(r"[A-Za-z0-9_.\[\]-]+==\S", block)]
    assert len(pinned) > 10
    assert not [block.splitlines()[0] for block in pinned if "--hash=sha256:" not in block]
    assert "://" not in text
    assert not INDEX.search(text)


def test_no_file_names_a_registry() -> None:
    assert not [f"{name}: {host}" for name, text in committed().items() for host in REGISTRIES if host in text]
    assert not [name for name, text in committed().items() if INDEX.search(text)]


def test_no_file_names_this_checkout() -> None:
    assert len(ROOT.parts) < 3 or not [name for name, text in committed().items() if f"{ROOT}/" in text]
