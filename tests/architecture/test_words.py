"""Plain English: the words of `words.txt` are not in docstrings, comments, documentation or the changelog."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.source_tree import ROOT, SOURCE

WORDS = [word for word in (ROOT / "tests/architecture/words.txt").read_text().splitlines() if word]
BANNED = re.compile(r"\b(" + "|".join(map(re.escape, WORDS)).replace(r"\ ", r"\s+") + r")\b", re.IGNORECASE)
# A page -> where in it old words may stand, and why.
EXEMPT = {
    "docs/glossary.md": re.compile(r"^\|.*\|$", re.MULTILINE),  # its column of old words
    "docs/why.md": re.compile(r"^## 2026-11-2\d.*?(?=^## 2026-11-30|\Z)", re.MULTILINE | re.DOTALL),  # old entries
}
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Return the docstrings and comments of a Python file, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, text
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def found(text: str) -> list[str]:
    """Return the banned words in a text."""
    return [match.group(0) for match in BANNED.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_in_plain_english(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    if (exempt := EXEMPT.get(str(page.relative_to(ROOT)))) is not None:
        text = exempt.sub("", text)
    assert not found(text)


@pytest.mark.parametrize("folder", sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()))
def test_a_package_is_in_plain_english(folder: str) -> None:
    assert not _words_in(SOURCE / folder)


def test_the_modules_of_the_root_are_in_plain_english() -> None:
    assert not [hit for file in sorted(SOURCE.glob("*.py")) for hit in _words_in_file(file)]


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir()))
def test_the_tests_are_in_plain_english(folder: str) -> None:
    assert not _words_in(ROOT / "tests" / folder)


def _words_in(folder: Path) -> list[str]:
    files = [file for file in sorted(folder.rglob("*.py")) if "upgrade/agents" not in str(file)]
    return [hit for file in files for hit in _words_in_file(file)]


def _words_in_file(file: Path) -> list[str]:
    source = file.read_text(encoding="utf-8")
    lines = prose(source) if found(source) else ()  # looking for comments takes twenty times as long
    return [f"{file.relative_to(ROOT)}:{line} {word}" for line, text in lines for word in found(text)]


def test_the_words_are_found_where_they_are_written() -> None:
    text = '"""Nobody\nis   told."""\nx = "nobody"  # a stranger\n'
    assert [word for _, each in prose(text) for word in found(each)] == ["Nobody", "is   told", "stranger"]
