from __future__ import annotations

import os
from pathlib import Path

import pytest

from journeyman.tools.discovery.discovery import Discovery, discover, names_of_tools

HEAD = "from __future__ import annotations\nfrom journeyman.tools.tool import tool, BaseTool, ToolContext\n"


def tool_named(name: str, kind: str = "async def") -> str:
    docstring = '    """Say a.\n\n    Args:\n        a: a number\n    """\n'
    return f'{HEAD}\n\n@tool(effects="none")\n{kind} {name}(a: int) -> int:\n{docstring}    return a\n'


GOOD = {
    "a_good.py": tool_named("good_one"),
    "sub/nested.py": f"{HEAD}from .._shared import VALUE\n" + tool_named("nested_one", "def").replace(HEAD, ""),
    "_shared.py": "VALUE = 1\nraise_if_scanned = 1",
    "classes.py": f"""{HEAD}
class Abstract(BaseTool):
    name = "abstract"
    async def run(self) -> str: return ""

class Concrete(Abstract):
    name = "concrete"
    description = "A class."

class Made(BaseTool):
    description = "An instance."
    def __init__(self, name): self.name = name
    async def run(self) -> str: return ""

first, second = Made("first"), Made("second")
""",
    "imports_others.py": f"{HEAD}from .a_good import good_one\nfrom .classes import first, Concrete\n",
    "no_tools.py": "class P:\n    def __getattribute__(self, name): raise RuntimeError(name)\np = P()\n",
    "y_quiet.py": f"{HEAD}@tool\nasync def quiet(): return 'shh'\n",
    "z_last.py": tool_named("last_one", "def"),
}

BAD = {
    "b01_syntax.py": ("def f(:\n", "syntax error"),
    "b02_missing.py": ("import not_installed_anywhere\n", "not_installed_anywhere"),
    "b03_exit.py": ("import sys; sys.exit(0)\n", "SystemExit"),
    "b04_os_exit.py": ("import os; os._exit(0)\n", "ended the process"),
    "b05_hang.py": ("while True: pass\n", "takes longer than"),
    "b06_raise.py": ("1/0\n", "ZeroDivisionError"),
    "b07_base.py": ("class D(BaseException): pass\nraise D\n", "D"),
    "b08_null.py": ("x = '\x00'\n", "null bytes"),
    "b09_dup.py": (tool_named("good_one"), "is defined in a_good.py already"),
    "b10_no_hint.py": (f"{HEAD}@tool\nasync def x(a): pass\n", "'a' has no type hint"),
    "b11_unresolved.py": (f"{HEAD}@tool\nasync def x(a: Nowhere): pass\n", "cannot be resolved"),
    "b12_callable.py": (
        f"{HEAD}from collections.abc import Callable\n@tool\nasync def x(a: Callable[[], int]): pass\n",
        "'a'",
    ),
    "b12_file.py": (f"{HEAD}import io\n@tool\nasync def x(a: io.BytesIO): pass\n", "'a'"),
    "b13_inline_def.py": (f"{HEAD}@tool(isolation='inline')\ndef x(): pass\n", "make it async def"),
    "b14_bad_name.py": (f"{HEAD}@tool(name='a b')\nasync def x(): pass\n", "a tool's name"),
    "b15_bad_class.py": (f"{HEAD}class X(BaseTool):\n    name = 'x'\n    def run(self): pass\n", "async def run"),
    "b16_needs_args.py": (
        f"{HEAD}class X(BaseTool):\n    name = 'x'\n    def __init__(self, q): pass\n",
        "could not be made",
    ),
    "b17_recursion.py": ("def f(): f()\nf()\n", "RecursionError"),
    "b18_kwargs.py": (f"{HEAD}@tool\nasync def x(**a: int): pass\n", "name each argument"),
    "b19_noise.py": ("print('x' * 200000)\nimport os\nos.write(1, b'y' * 100000)\n1/0\n", "ZeroDivisionError"),
    "b20_proxy.py": (
        "class P:\n    def __getattribute__(self, name): raise RuntimeError(name)\np = P()\n1/0\n",
        "ZeroDivisionError",
    ),
}


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def names(discovery: Discovery) -> list[str]:
    return [found.spec.name for found in discovery.tools]


async def test_every_broken_file_is_a_problem_and_the_rest_loads(tmp_path, capfd):
    root = tmp_path / "tools"
    for name, text in GOOD.items():
        write(root, name, text)
    for name, (text, _) in BAD.items():
        write(root, name, text)
    outside = write(tmp_path, "outside.py", tool_named("outside"))
    (root / "c_link.py").symlink_to(outside)
    os.mkfifo(root / "c_fifo.py")
    write(root, "c_open.py", tool_named("open_one")).chmod(0o666)
    write(root, ".hidden.py", tool_named("hidden"))
    write(root, "_private.py", tool_named("private"))

    discovery = await discover(root, file_seconds=1.0)

    assert names(discovery) == ["good_one", "concrete", "first", "second", "nested_one", "quiet", "last_one"]
    problems = {Path(problem.file).name: problem for problem in discovery.problems}
    assert problems.pop("y_quiet.py").severity == "warning"
    for name, (_, message) in BAD.items():
        assert message in problems.pop(name).message
    assert set(problems) == {"c_link.py", "c_fifo.py", "c_open.py"}
    assert capfd.readouterr().out == ""
    good, nested = discovery.tools[0], discovery.tools[4]
    assert (good.inline, good.spec.source, good.line) == (True, "a_good.py:5", 5)
    assert (nested.inline, nested.spec.policy.isolation) == (False, "process")
    assert nested.spec.source == "sub/nested.py:6"
    assert good.spec.parameters["properties"]["a"] == {"type": "integer", "description": "a number"}
    assert good.spec.code_hash


async def test_a_folder_that_takes_too_long_is_given_up(tmp_path):
    write(tmp_path, "b.py", "import time; time.sleep(60)")
    write(tmp_path, "c.py", tool_named("c"))
    discovery = await discover(tmp_path, folder_seconds=0.02)
    assert names(discovery) == []
    assert [Path(problem.file).name for problem in discovery.problems] == ["b.py", "c.py"]
    assert "the folder takes longer than 0.02 seconds" in discovery.problems[0].message


async def test_an_empty_folder_starts_no_process(tmp_path):
    found = await discover(tmp_path)
    assert (found.tools, found.problems) == ((), ())


@pytest.mark.parametrize("path", ["absent", "absent.py"])
async def test_a_path_that_is_not_there_is_a_problem(tmp_path, path):
    discovery = await discover(tmp_path / path)
    assert "cannot be read" in discovery.problems[0].message


async def test_all_faults_of_a_file_are_told_at_once(tmp_path):
    file = write(
        tmp_path,
        "shop.py",
        f"{HEAD}\n@tool(effect='none', retries=2)\nasync def one(a: int): 'One.'\n\n"
        "@tool(effects='some', retries=2, cache_ttl=60, output_cap=0)\nasync def two(a: int): 'Two.'\n\n"
        "@tool\nasync def three(a, b, c: Nowhere, d: Elsewhere, *e: int): 'Three.'\n\n"
        "@tool\nasync def four(a: int): 'Four.'\n\n"
        "@tool(isolation='inline')\ndef five(a: int): 'Five.'\n",
    )
    text = "class X(BaseTool):\n    name = 'x'\n    description = 'X.'\n    effect = 'none'\n    shop = 1\n"
    write(tmp_path, "x.py", f"{HEAD}{text}    async def run(self, a: int) -> int: return a\n")
    discovery = await discover(tmp_path)
    *problems, misnamed = discovery.problems
    assert [problem.line for problem in problems] == [4, 7, 10, 16]
    assert {problem.file for problem in problems} == {str(file)}
    one, two, three, five = (problem.message for problem in problems)
    assert one == "tool 'one': @tool has no 'effect': did you mean effects?"
    assert two == (
        "tool 'two': effects is one of none, idempotent, once, not 'some'; output_cap is a number of characters above 0"
    )
    assert [f"argument {name!r}" in three for name in "abcde"] == [True] * 5
    assert "make it async def" in five
    assert (misnamed.severity, misnamed.message, misnamed.remedy) == (
        "warning",
        "the attribute 'effect' of X declares nothing",
        "did you mean effects?",
    )
    assert names(discovery) == ["x"]
    assert {"one", "two", "three", "four", "five"} <= discovery.lost


async def test_a_file_that_fails_is_told_once_though_others_import_it(tmp_path):
    write(tmp_path, "a.py", f"{HEAD}1 / 0\n")
    write(tmp_path, "b.py", f"{HEAD}from .a import x\n\n@tool(name='bee')\nasync def b(): 'B.'\n")
    discovery = await discover(tmp_path)
    assert [Path(problem.file).name for problem in discovery.problems] == ["a.py"]
    broken = write(tmp_path, "c.py", "@tool(name='sea')\nasync def see(a: int: 'No Python.'\n")
    assert names_of_tools([str(broken)]) == {"sea", "see"}


async def test_tools_of_a_refused_folder_are_lost(tmp_path):
    write(tmp_path, "a.py", tool_named("alpha"))
    tmp_path.chmod(0o777)
    discovery = await discover(tmp_path)
    assert [problem.message for problem in discovery.problems] == ["every user of this machine may change it"]
    assert "alpha" in discovery.lost
