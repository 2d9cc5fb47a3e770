"""Every file and pipe of text has an encoding: without one, Python uses that of the locale, such as GBK."""

from __future__ import annotations

import ast

import pytest

from tests.harness.source_tree import ROOT, SOURCE, nodes

FOLDERS = [SOURCE, ROOT / "benchmarks", ROOT / "examples", ROOT / "deploy"]
_POSITION = {"read_text": 0, "write_text": 1}  # of the argument `encoding` in the methods of Path
_TEXT_FLAGS = ("text", "universal_newlines")  # of subprocess


def needs_encoding(call: ast.Call) -> bool:
    """Return whether a call reads or writes text in the encoding of the locale."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in given or None in given:
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _POSITION:
        return len(call.args) <= _POSITION[name]
    if name == "TextIOWrapper":
        return len(call.args) < 2
    if name in ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile"):
        return _is_text(call, name)
    return any(isinstance(flag := given.get(each), ast.Constant) and flag.value is True for each in _TEXT_FLAGS)


def _is_text(call: ast.Call, name: str) -> bool:
    """Return whether a file is opened as text. Of a method `open`, only one with a mode opens a file."""
    is_function = isinstance(call.func, ast.Name) or name != "open"
    modes = [*call.args[1 if is_function and "Temporary" not in name else 0 :][:1]]
    modes += [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    mode = next((str(each.value) for each in modes if isinstance(each, ast.Constant)), None)
    if mode is None:
        return isinstance(call.func, ast.Name) and name == "open" and not modes
    return set(mode) <= set("rwaxt+")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_text_has_an_encoding(folder: object) -> None:
    calls = [(file, node) for file, node in nodes(ast.Call, folder=folder)]  # type: ignore[arg-type]
    assert [f"{file}:{node.lineno}" for file, node in calls if needs_encoding(node)] == []  # type: ignore[arg-type, attr-defined]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("path.read_text()", True),
        ("path.read_text(errors='replace')", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(x)", True),
        ("path.write_text(x, 'utf-8')", False),
        ("path.write_text(x, encoding='utf-8')", False),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("open(path, 'w')", True),
        ("open(path, mode='wb')", False),
        ("path.open('a')", True),
        ("path.open('ab')", False),
        ("path.open(mode='w')", True),
        ("journal.open()", False),
        ("blobs.open(id)", False),
        ("os.fdopen(fd, 'w')", True),
        ("os.open(path, flags)", False),
        ("NamedTemporaryFile('w')", True),
        ("NamedTemporaryFile()", False),
        ("subprocess.run(x, text=True)", True),
        ("subprocess.run(x, text=True, encoding='utf-8')", False),
        ("subprocess.run(x, capture_output=True)", False),
        ("TextIOWrapper(x)", True),
    ],
)
def test_which_calls_need_one(text: str, needed: bool) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert needs_encoding(call) is needed
