"""Modules beside the tools folder that its files import."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from journeyman.errors import Problem
from journeyman.tools.discovery.code_hash import FolderImports
from journeyman.user_code.importing import Package, import_file, nearby_remedy
from journeyman.user_code.local_modules import imported_paths, is_installed, modules_beside, read_tool_sources


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tools folder whose file imports a module and a package beside it, and other files beside those."""
    write(tmp_path / "agent.yaml")
    write(tmp_path / ".env", "SECRET=1")
    write(tmp_path / "unused.py", "raise SystemExit")
    write(tmp_path / "shop_prices.py", "from shop_lib.tax import RATE\nPRICE = 100 + RATE")
    write(tmp_path / "shop_lib" / "__init__.py", "NAME = 'lib'")
    write(tmp_path / "shop_lib" / "tax.py", "from . import NAME\nfrom .deep import rates as r\nRATE = r.RATE")
    write(tmp_path / "shop_lib" / "deep" / "rates.py", "RATE = 7")
    write(tmp_path / "shop_lib" / "unused.py", "raise SystemExit")
    write(
        tmp_path / "tools" / "orders.py",
        "import json\nimport shop_prices\nimport shop_lib.tax as tax\nX = shop_prices.PRICE, tax.RATE\n",
    )
    write(tmp_path / "tools" / "other.py", "import json\n")
    return tmp_path


NAMES = ["../shop_lib/__init__.py", "../shop_lib/deep/rates.py", "../shop_lib/tax.py", "../shop_prices.py"]


def test_only_the_files_that_are_imported_are_read(project: Path) -> None:
    sources, problems = read_tool_sources(project / "tools")
    assert sorted(sources.files) == [*NAMES, "orders.py", "other.py"]
    assert problems == ()
    assert modules_beside(sources.files, str(project / "tools")) == tuple(str(project / name[3:]) for name in NAMES)


def test_they_are_imported_by_their_names_and_by_no_other_code(project: Path) -> None:
    package = Package(project / "tools", read_tool_sources(project / "tools").sources.files)
    module = package.load(project / "tools" / "orders.py")
    assert isinstance(module, types.ModuleType), module
    assert module.X == (107, 7)
    assert not {"shop_prices", "shop_lib"} & set(sys.modules)
    with pytest.raises(ModuleNotFoundError):
        __import__("shop_prices")
    before = len(sys.modules)
    package.unload()
    assert len(sys.modules) < before
    assert not [name for name in sys.modules if "shop_" in name and not name.startswith("tests.")]


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("import shop_lib.deep.rates\nX = shop_lib.deep.rates.RATE", 7),
        ("from shop_lib.deep import rates\nX = rates.RATE", 7),
        ("from shop_lib import NAME as X", "lib"),
        ("from shop_lib import *\nX = NAME", "lib"),
        ("def f():\n    import shop_prices\n    return shop_prices.PRICE\nX = f()", 107),
        ("try:\n    import shop_nothing\nexcept ImportError:\n    X = 0", 0),
        ("import shop_lib.tax, json as j\nX = j.loads('1')", 1),
    ],
)
def test_every_form_of_import(project: Path, statement: str, value: object) -> None:
    file = write(project / "tools" / "orders.py", statement)
    module = Package(project / "tools", read_tool_sources(project / "tools").sources.files).load(file)
    assert isinstance(module, types.ModuleType), module
    assert vars(module)["X"] == value


def test_what_is_missing_is_told_by_its_own_name(project: Path) -> None:
    file = write(project / "tools" / "orders.py", "from shop_lib import nothing\n")
    found = Package(project / "tools", read_tool_sources(project / "tools").sources.files).load(file)
    assert isinstance(found, Problem)
    assert "cannot import name 'nothing' from 'shop_lib'" in found.message
    write(project / "shop_prices.py", "import shop_lib.nothing\n")
    write(file, "import shop_prices\n")
    found = Package(project / "tools", read_tool_sources(project / "tools").sources.files).load(file)
    assert isinstance(found, Problem)
    assert (found.file, found.line, found.remedy) == (str(project / "shop_prices.py"), 1, "no such file beside it")
    assert "No module named 'shop_lib.nothing'" in found.message


def test_an_installed_module_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "msgspec.py", "raise SystemExit")
    write(project / "json.py", "raise SystemExit")
    write(project / "tools" / "orders.py", "import json, msgspec\n")
    assert sorted(read_tool_sources(project / "tools").sources.files) == ["orders.py", "other.py"]
    assert is_installed("msgspec", project)
    monkeypatch.syspath_prepend(str(project))
    assert not is_installed("shop_prices", project), "the folder itself does not count, wherever the server is started"


def test_a_change_beside_the_folder_is_a_change_of_the_tools_that_import_it(project: Path) -> None:
    def fingerprints() -> tuple[str, str | None, str | None]:
        sources = read_tool_sources(project / "tools").sources
        imports = FolderImports(sources.files)
        return sources.fingerprint, imports.code_hash("orders.py"), imports.code_hash("other.py")

    before = fingerprints()
    assert fingerprints() == before
    write(project / "shop_lib" / "deep" / "rates.py", "RATE = 8")
    after = fingerprints()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    write(project / "shop_lib" / "unused.py", "")
    assert fingerprints() == after


def test_a_file_that_every_user_may_change_or_a_link_away_is_not_read(project: Path) -> None:
    outside = write(project.parent / "shop_outside.py")
    (project / "shop_linked.py").symlink_to(outside)
    (project / "shop_prices.py").chmod(0o666)
    write(project / "tools" / "orders.py", "import shop_prices, shop_linked\n")
    sources, problems = read_tool_sources(project / "tools")
    assert sorted(sources.files) == ["orders.py", "other.py"]
    assert [problem.message for problem in problems] == [
        "every user of this machine may change it",
        "it is a link to a file outside the folder",
    ]


def test_imports_and_the_paths_that_they_may_mean() -> None:
    assert list(imported_paths("a.py", b"import b")) == ["../b.py", "../b/__init__.py"]
    assert "sub/c.py" in list(imported_paths("sub/a.py", b"from . import c"))
    assert "../lib/c.py" in list(imported_paths("../lib/a.py", b"from .c import x"))
    assert list(imported_paths("a.py", b"def f(:")) == []


@pytest.mark.parametrize("name", ["tools", "helpers", "lib"])
def test_a_stranger_s_package_of_a_name_that_exists_is_never_installed(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "tools" / "orders.py", f"import {name}\n")
    write(tmp_path / "tools" / "helpers.py", "")
    (tmp_path / "lib").mkdir()
    found = import_file(file, tmp_path / "tools")
    assert isinstance(found, Problem)
    assert found.remedy is not None
    assert "pip install" not in found.remedy
    assert f"{name!r} is " in found.remedy


def test_the_remedy_is_a_relative_import(tmp_path: Path) -> None:
    write(tmp_path / "tools" / "helpers.py", "VALUE = 1")
    file = write(tmp_path / "tools" / "sub" / "orders.py", "import helpers\n")
    remedy = nearby_remedy("helpers", file, tmp_path / "tools")
    assert remedy == "'helpers' is in the folder 'tools': write `from .. import helpers`"
    module = import_file(write(file, "from .. import helpers\nX = helpers.VALUE"), tmp_path / "tools")
    assert isinstance(module, types.ModuleType)
    assert nearby_remedy("nowhere", file, tmp_path / "tools") is None
