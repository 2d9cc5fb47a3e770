"""The page's own tests of what it computes, which stand beside its sources (`*.test.ts`), run by Node."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

UI = Path(__file__).parents[2] / "ui"


def _node() -> str:
    spec = importlib.util.spec_from_file_location("page_build", UI / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.find_node())


def test_the_tests_beside_the_sources_pass() -> None:
    tests = sorted(str(path.relative_to(UI)) for path in UI.glob("src/**/*.test.ts"))
    assert len(tests) >= 3
    done = subprocess.run([_node(), "--test", *tests], cwd=UI, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
