"""Nothing runs at the start of Python in this environment but what is known: start-up hooks are how a stolen package
acts without being imported (FAULTS R7)."""

from __future__ import annotations

import importlib.util
import site
import sys
import sysconfig
from pathlib import Path

ALLOWED = {  # name -> what it runs, and why it may
    "_editable_impl_journeyman.pth": "a path: this checkout, as `pip install -e .` writes it",
    "__editable__.journeyman-*.pth": "the same by another installer",
    "distutils-precedence.pth": "setuptools takes the place of the distutils that Python no longer has",
    "_virtualenv.pth": "uv and virtualenv keep distutils of old Pythons within the environment",
}
CODE = ("import ", "import\t")  # how `site` tells code from a path


def _folders() -> list[Path]:
    paths = sysconfig.get_paths()
    found = {paths["purelib"], paths["platlib"], *site.getsitepackages()}
    return [folder for folder in map(Path, sorted(found)) if folder.is_dir() and folder.is_relative_to(sys.prefix)]


def hooks(folder: Path) -> dict[str, list[str]]:
    """Each file that Python reads at its start, and the lines of it that it runs."""
    return {
        file.name: _code(file) for file in (*folder.glob("*.pth"), *folder.glob("*customize*"), *folder.glob("*.start"))
    }


def _code(file: Path) -> list[str]:
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return [line for line in lines if line.startswith(CODE)]


def unknown(folder: Path) -> list[str]:
    return [name for name in hooks(folder) if not any(Path(name).match(allowed) for allowed in ALLOWED)]


def test_the_environment_has_no_hook_that_is_not_known() -> None:
    assert _folders()
    assert [f"{folder}: {name}" for folder in _folders() for name in unknown(folder)] == []
    for folder in _folders():
        for name, lines in hooks(folder).items():
            assert len(lines) <= 1, f"{name} runs {lines}"
            assert "journeyman" not in name or not lines, f"{name} is a path and runs nothing"


def test_no_module_takes_the_start_over() -> None:
    found = [importlib.util.find_spec(name) for name in ("sitecustomize", "usercustomize")]
    origins = [Path(spec.origin) for spec in found if spec is not None and spec.origin]
    assert [origin for origin in origins if origin.is_relative_to(sys.prefix)] == []


def test_a_hook_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "litellm_init.pth").write_text("import os; os.system('x')\n")
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "usercustomize").mkdir()
    (tmp_path / "__editable__.journeyman-0.1.0.pth").write_text("/src\n")
    assert sorted(unknown(tmp_path)) == ["litellm_init.pth", "sitecustomize.py", "usercustomize"]
