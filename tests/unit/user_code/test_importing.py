from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from journeyman.errors import Problem
from journeyman.user_code.importing import (
    MAX_DEPTH,
    ImportedFiles,
    Package,
    import_file,
    install_line,
    is_read_only,
    list_python_files,
    trusted_owners,
)
from journeyman.user_code.sources import read_sources


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def messages(problems) -> str:
    return "\n".join(str(problem) for problem in problems)


def test_the_list_is_ordered_without_hidden_private_and_other_files(tmp_path):
    for name in ("b.py", "a.py", "sub/c.py", ".hidden.py", "_private.py", "_sub/x.py", ".git/y.py", "data.json"):
        write(tmp_path / name)
    found = list_python_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.files] == ["a.py", "b.py", "sub/c.py"]
    assert found.problems == ()


def test_a_single_file_is_listed(tmp_path):
    only = write(tmp_path / "only.py")
    write(tmp_path / "other.py")
    assert list_python_files(only).files == (only,)


def test_links_out_of_the_folder_are_refused_and_links_inside_are_listed(tmp_path):
    outside = write(tmp_path / "outside" / "evil.py")
    folder = tmp_path / "tools"
    inside = write(folder / "real.py")
    (folder / "evil.py").symlink_to(outside)
    (folder / "alias.py").symlink_to(inside)
    (folder / "nowhere.py").symlink_to(folder / "gone.py")
    (folder / "circle.py").symlink_to(folder / "circle.py")
    (folder / "linked").symlink_to(outside.parent)
    found = list_python_files(folder)
    assert [path.name for path in found.files] == ["alias.py", "real.py"]
    assert "evil.py: it is a link to a file outside the folder" in messages(found.problems)
    assert "linked: it is a link to a folder" in messages(found.problems)
    assert messages(found.problems).count("a link to a file that does not exist") == 2


def test_a_file_that_is_not_regular_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    found = list_python_files(tmp_path)
    assert found.files == ()
    assert "pipe.py: it is not a regular file" in messages(found.problems)


def test_files_and_folders_that_every_user_may_change_are_refused(tmp_path):
    write(tmp_path / "_shared.py").chmod(0o666)
    write(tmp_path / "open.py").chmod(0o666)
    write(tmp_path / "wide" / "in.py")
    (tmp_path / "wide").chmod(0o777)
    found = list_python_files(tmp_path)
    assert found.files == ()
    assert messages(found.problems).count("every user of this machine may change it") == 3


def test_there_is_one_warning_of_group_writable_files(tmp_path):
    for name in ("a.py", "b.py"):
        write(tmp_path / name).chmod(0o664)
    found = list_python_files(tmp_path)
    assert len(found.files) == 2
    assert [problem.severity for problem in found.problems] == ["warning"]
    assert "(and 1 more)" in found.problems[0].message


def test_there_is_one_warning_of_files_with_an_untrusted_owner(tmp_path):
    for name in ("a.py", "_b.py"):
        write(tmp_path / name)
    me = tmp_path.stat().st_uid
    assert list_python_files(tmp_path, owners={me}).problems == ()
    found = list_python_files(tmp_path, owners={me + 1})
    assert [path.name for path in found.files] == ["a.py"]
    (warning,) = found.problems
    assert (warning.severity, warning.file) == ("warning", str(tmp_path))
    assert "neither root nor the one that runs the server (and 2 more)" in warning.message


def test_root_and_the_user_of_the_process_are_trusted():
    owners = trusted_owners()
    assert owners == {0, os.geteuid()}


def test_count_size_and_depth_are_limited(tmp_path):
    for name in ("a.py", "b.py", "c.py"):
        write(tmp_path / name, "#")
    write(tmp_path / "d.py", "#" * 50)
    deep = tmp_path.joinpath(*["n"] * (MAX_DEPTH + 1))
    write(deep / "e.py")
    found = list_python_files(tmp_path, max_files=2, max_bytes=10)
    assert [path.name for path in found.files] == ["a.py", "b.py"]
    text = messages(found.problems)
    assert "not among the first 2 files" in text
    assert "larger than 10 bytes" in text
    assert f"deeper than {MAX_DEPTH} folders" in text


def test_a_missing_folder_is_a_problem(tmp_path):
    found = list_python_files(tmp_path / "absent")
    assert found.files == ()
    assert "cannot be read" in found.problems[0].message


def test_relative_imports_work_and_nothing_else_leaks(tmp_path):
    write(tmp_path / "_shared.py", "VALUE = 41")
    write(tmp_path / "sub" / "_deep.py", "from .._shared import VALUE")
    file = write(
        tmp_path / "tools.py", "from ._shared import VALUE\nfrom .sub._deep import VALUE as again\nX = VALUE + 1"
    )
    path_before = list(sys.path)
    module = import_file(file)
    assert isinstance(module, types.ModuleType)
    assert module.X == 42
    assert sys.path == path_before
    assert "tools" not in sys.modules
    assert "_shared" not in sys.modules


def test_the_folders_own_init_is_honoured(tmp_path):
    write(tmp_path / "__init__.py", "NAME = 'shop'")
    module = import_file(write(tmp_path / "tools.py", "from . import NAME"))
    assert module.NAME == "shop"


def test_two_packages_of_one_folder_share_nothing(tmp_path):
    file = write(tmp_path / "tools.py", "things = []")
    first, second = import_file(file), import_file(file)
    assert first is not second
    assert first.things is not second.things


def test_one_package_imports_a_file_once(tmp_path):
    file = write(tmp_path / "tools.py", "things = []")
    package = Package(tmp_path)
    assert package.load(file) is package.load(file)


@pytest.mark.parametrize(
    ("source", "message", "line", "remedy"),
    [
        ("x = 1\nif x\n", "syntax error", 2, "correct the line"),
        (
            "import os\n\nimport no_such_package.sub\n",
            "No module named 'no_such_package'",
            3,
            "pip install no_such_package",
        ),
        ("from . import absent\n", "absent", 1, None),
        ("from .absent import x\n", "absent", 1, "no such file beside it"),
        ("def f():\n    raise ValueError('boom')\nf()\n", "ValueError: boom", 2, None),
        ("import sys\nsys.exit(1)\n", "SystemExit", 2, "remove the exit"),
        ("class D(BaseException): pass\nraise D('deep')\n", "D: deep", 2, None),
        ("x = '\x00'\n", "null bytes", None, None),
        ("\udcff", "", None, None),
    ],
)
def test_a_failed_import_is_a_problem_with_its_location(tmp_path, source, message, line, remedy):
    file = tmp_path / "bad.py"
    file.write_bytes(source.encode(errors="surrogateescape"))
    problem = import_file(file)
    assert isinstance(problem, Problem)
    assert message in problem.message
    assert "_journeyman_files" not in problem.message
    if line is not None:
        assert problem.line == line
        assert problem.file == str(file)
    if remedy:
        assert remedy in problem.remedy
    assert not [name for name in sys.modules if name.startswith("_journeyman_files") and name.endswith(".bad")]


def test_a_file_outside_the_folder_is_refused(tmp_path):
    file = write(tmp_path / "a.py")
    (tmp_path / "inner").mkdir()
    assert isinstance(import_file(file, tmp_path / "inner"), Problem)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("skimage.io", "pip install scikit-image"),
        ("yaml", "pip install PyYAML"),
        ("google.protobuf", "pip install protobuf"),
        ("some.thing", "pip install some"),
    ],
)
def test_a_missing_package_is_named_as_pip_knows_it(module: str, line: str) -> None:
    assert install_line(module) == line


def test_files_are_imported_once_for_each_content_and_only_the_last_are_kept(tmp_path: Path) -> None:
    file = write(tmp_path / "agents.py", "from .beside import X")
    imported = ImportedFiles(kept=2)
    write(tmp_path / "beside.py", "X = 1")
    first = imported(file, tmp_path)
    assert imported(file, tmp_path) is first
    write(tmp_path / "beside.py", "X = 20")
    second = imported(file, tmp_path)
    assert (first.X, second.X) == (1, 20)  # type: ignore[union-attr]
    before = len([name for name in sys.modules if name.startswith("_journeyman_files_")])
    write(tmp_path / "beside.py", "X = 300")
    imported(file, tmp_path)
    assert len([name for name in sys.modules if name.startswith("_journeyman_files_")]) == before
    write(tmp_path / "beside.py", "X = (")
    assert isinstance(imported(file, tmp_path), Problem)


def test_the_contents_that_were_read_are_imported_even_if_the_files_change(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "from .deep.b import X\nfrom . import _c")
    write(tmp_path / "deep/b.py", "X = 1")
    write(tmp_path / "_c.py")
    package = Package(tmp_path, read_sources(tmp_path).files)
    write(file, "def broken(:")
    write(tmp_path / "deep/b.py", "X = 2")
    module = package.load(file)
    assert module.X == 1  # type: ignore[union-attr]
    assert module.__file__ == str(file)  # type: ignore[union-attr]


def test_a_change_within_one_second_of_one_size_is_a_change(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "X = 1")
    first = import_file(file)
    stamp = file.stat().st_mtime_ns
    write(file, "X = 2")
    os.utime(file, ns=(stamp, stamp))
    assert (first.X, import_file(file).X) == (1, 2)  # type: ignore[union-attr]


def test_the_links_of_a_mounted_configuration_are_loaded(tmp_path):
    write(tmp_path / "..2026_12_01" / "orders.py", "from .helpers import X\n")
    write(tmp_path / "..2026_12_01" / "helpers.py", "X = 1\n")
    (tmp_path / "..data").symlink_to("..2026_12_01")
    for name in ("orders.py", "helpers.py"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert [path.name for path in list_python_files(tmp_path).files] == ["helpers.py", "orders.py"]
    for files in (None, read_sources(tmp_path).files):
        for file in (tmp_path / "orders.py", tmp_path / "..2026_12_01" / "orders.py"):
            module = Package(tmp_path, files).load(file)
            assert isinstance(module, types.ModuleType), module
            assert module.X == 1


def test_a_name_with_dots_is_loaded_and_a_folder_with_one_is_named(tmp_path):
    write(tmp_path / "helpers.py", "X = 1\n")
    dotted = write(tmp_path / "orders.v2.py", "from .helpers import X\n")
    package = Package(tmp_path)
    module = package.load(dotted)
    assert isinstance(module, types.ModuleType), module
    assert module is package.load(dotted)
    assert module.X == 1
    found = package.load(write(tmp_path / "v1.2" / "orders.py"))
    assert isinstance(found, Problem)
    assert (found.message[:18], found.remedy) == ("its folder 'v1.2' ", "rename the folder")


def test_modes_of_a_folder_that_is_mounted_read_only_allow_no_change(tmp_path):
    write(tmp_path / "orders.py").chmod(0o666)
    tmp_path.chmod(0o777)
    assert list_python_files(tmp_path).files == ()
    found = list_python_files(tmp_path, is_read_only=lambda _: True)
    assert ([path.name for path in found.files], found.problems) == (["orders.py"], ())
    assert not is_read_only(tmp_path)
    assert not is_read_only(tmp_path / "none")
