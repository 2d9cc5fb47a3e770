"""Every path that the documents of 0.1 name can still be imported; one that has moved may say so once."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

PATHS = [
    line
    for line in (Path(__file__).parent / "documented_imports.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def found(path: str) -> object:
    """What the dotted path names: its longest part that is a module, then attributes of it."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        try:
            thing: object = importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name is None or not f"{name}.".startswith(f"{exc.name}."):
                raise  # it is there, and what it imports is not
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(path)


@pytest.mark.parametrize("path", [path for path in PATHS if not path.endswith("__main__")])
def test_it_is_there(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert found(path) is not None


def test_the_same_thing_has_one_class_wherever_it_is_imported_from() -> None:
    """An `isinstance` or `except` of 0.1 code means what today's runtime makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert found("journeyman.tools.tool.BlockingToolContext") is found("journeyman.BlockingToolContext")


FRESH = """
import sys, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import journeyman
    for name in sys.argv[1:]:
        getattr(journeyman, name)
ours = [str(warning.message) for warning in said if "journeyman" in str(warning.message)]
sys.exit("\\n".join(ours) or 0)
"""


def test_the_public_names_come_without_a_warning() -> None:
    names = [path.split(".")[1] for path in PATHS[: PATHS.index("journeyman.__version__")]]
    done = subprocess.run([sys.executable, "-c", FRESH, *names], capture_output=True, text=True, timeout=50)
    assert (len(names), done.returncode) == (16, 0), done.stderr


def test_python_m_journeyman_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "journeyman", "--help"], capture_output=True, text=True, timeout=50)
    assert (done.returncode, "serve" in done.stdout) == (0, True), done.stderr
