"""Arrows point down, and a machine says so; imports stand at the top; what must be light stays light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.harness.source_tree import ROOT, SOURCE, trees

FACES = ("journeyman.tools.tool", "journeyman.tools.process.worker_main")
HEAVY = ("fastapi", "starlette", "aiohttp", "pydantic", "uvicorn", "apsw")
REASON = "noqa: PLC0415"
LAZY_BY_DESIGN = "src/journeyman/cli/"  # one command's imports must not cost the others; ruff has the same rule


def _python(code: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=30)


def _floors() -> dict[str, object]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract: dict[str, object] = settings["tool"]["importlinter"]["contracts"][0]
    return contract


def test_the_floors_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_has_its_floor() -> None:
    contract = _floors()
    layers = contract["layers"]
    assert isinstance(layers, list)
    named = {part.strip() for layer in layers for part in layer.split("|")}
    parts = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert contract["exhaustive"] is True
    assert parts - {"__init__"} <= named


def test_imports_inside_functions_say_why() -> None:
    silent = []
    for file, tree in trees().items():
        if file.startswith(LAZY_BY_DESIGN):
            continue
        lines = (ROOT / file).read_text().splitlines()
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and REASON not in lines[node.lineno - 1]:
                    silent.append(f"{file}:{node.lineno}")
    assert not silent


@pytest.mark.parametrize("module", FACES)
def test_what_a_worker_process_loads_is_light(module: str) -> None:
    found = _python(f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def test_the_package_itself_loads_nothing() -> None:
    found = _python("import sys, journeyman; print([name for name in sys.modules if name.startswith('journeyman.')])")
    assert found.stdout.strip() == "[]", found.stdout + found.stderr
