"""Each module `src/journeyman/x/y.py` is tested by `tests/unit/x/test_y.py`, or by a suite that tests/MAP.toml names.

To add a module: write `tests/unit/x/test_y.py`. If no unit test makes sense, add a line to tests/MAP.toml.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.harness.source_tree import ROOT, SOURCE, nodes, trees

MAP = ROOT / "tests/MAP.toml"
UNIT = ROOT / "tests/unit"
MOST_LINES = 60
LEAST_SHARE = 0.75
# Not counted: packages, the entry point, and files that are copied into a user's project.
NOT_COUNTED = ("__init__.py", "__main__.py")
TEMPLATES = "first_project"
_MODULE = re.compile(r"journeyman(?:\.\w+)+")


@cache
def modules() -> tuple[str, ...]:
    """The modules that need a test, as paths below src/journeyman."""
    files = sorted(file.relative_to(SOURCE) for file in SOURCE.rglob("*.py"))
    return tuple(str(file) for file in files if file.name not in NOT_COUNTED and TEMPLATES not in file.parts)


@cache
def mapped() -> dict[str, str]:
    suites: dict[str, str] = tomllib.loads(MAP.read_text())["suites"]
    return suites


def mirror(module: str) -> Path:
    """Where the unit test of a module belongs."""
    path = Path(module)
    return UNIT / path.parent / f"test_{path.name}"


def test_each_module_is_mirrored_or_mapped() -> None:
    missing = [module for module in modules() if not mirror(module).is_file() and module not in mapped()]
    remedy = "write its test, or add a line to tests/MAP.toml"
    assert not missing, "\n".join(f"{each}: {mirror(each).relative_to(ROOT)}: {remedy}" for each in missing)


def test_the_map_names_only_what_is_there_and_is_not_mirrored() -> None:
    wrong = []
    for module, suite in mapped().items():
        if module not in modules():
            wrong.append(f"{module}: there is no such module, remove the line")
        elif mirror(module).is_file():
            wrong.append(f"{module}: {mirror(module).relative_to(ROOT)} exists, remove the line")
        if not (ROOT / suite).exists():
            wrong.append(f"{module}: there is no suite {suite}")
    assert not wrong, "tests/MAP.toml:\n" + "\n".join(wrong)


def test_a_mapped_suite_loads_the_module() -> None:
    wrong = [
        f"{module}: {suite} does not import it, not even through others"
        for module, suite in mapped().items()
        if _dotted(f"src/journeyman/{module}") not in _loaded_by(suite)
    ]
    assert not wrong, "tests/MAP.toml:\n" + "\n".join(wrong)


def test_most_modules_are_mirrored() -> None:
    mirrored = sum(mirror(module).is_file() for module in modules())
    share = mirrored / len(modules())
    assert share >= LEAST_SHARE, f"{mirrored} of {len(modules())} modules have a mirrored unit test: {share:.0%}"
    assert len(mapped()) <= MOST_LINES, f"tests/MAP.toml has {len(mapped())} lines, at most {MOST_LINES} are allowed"


def test_a_mirrored_test_loads_its_module() -> None:
    wrong = [
        str(mirror(module).relative_to(ROOT))
        for module in modules()
        if mirror(module).is_file()
        and _dotted(f"src/journeyman/{module}") not in _loaded_by(str(mirror(module).relative_to(ROOT)))
    ]
    assert not wrong, f"they do not import the module that they are named for: {wrong}"


# --- which modules a suite loads


def _dotted(file: str) -> str:
    parts = Path(file.removeprefix("src/")).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _imports() -> dict[str, set[str]]:
    """Dotted name -> the modules that it imports, anywhere in it, or names as a text (a process that it starts)."""
    known = {_dotted(file) for folder in (SOURCE, ROOT / "tests") for file in trees(folder)}
    found: dict[str, set[str]] = {name: set() for name in known}
    for folder in (SOURCE, ROOT / "tests"):
        for file, node in nodes(ast.Import, ast.ImportFrom, ast.Constant, folder=folder):
            found[_dotted(file)] |= known.intersection(_named(node))
    return found


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), names=names):
            yield module
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.Constant(value="journeyman"):
            yield "journeyman.__main__"
        case ast.Constant(value=str(text)) if "journeyman." in text:
            yield from _MODULE.findall(text)


def _loaded_by(suite: str) -> set[str]:
    path = ROOT / suite
    files = [*path.rglob("*.py")] if path.is_dir() else [path]
    files += [folder / "conftest.py" for folder in path.parents if (folder / "conftest.py").is_file()]
    waiting = [_dotted(str(file.relative_to(ROOT))) for file in files]
    loaded: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in loaded:
            loaded.add(module)
            waiting += _imports().get(module, ())
    return loaded
