from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.agent_files.function_nodes import FunctionNodes

SOURCE = """\
raise SystemExit("imported")


async def good(ctx): ...
async def optional(ctx, more=1, *rest, key=None): ...
async def any_number(*args): ...
async def none(): ...
async def two(ctx, more): ...
async def keyword(ctx, *, key): ...
def plain(ctx): ...
class Holder:
    async def inside(self): ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, text in (("nodes", SOURCE), ("sub/more", "async def deep(ctx): ..."), ("broken", "async def x(:")):
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / f"{name}.py").chmod(0o644)
    return tmp_path


@pytest.mark.parametrize("call", ["nodes:good", "nodes:optional", "nodes:any_number", "sub.more:deep"])
def test_a_function_that_can_be_a_node(call: str, folder: Path) -> None:
    functions = FunctionNodes(folder)
    assert functions.fault(call) is None
    assert not functions.problems


@pytest.mark.parametrize(
    ("call", "message", "remedy"),
    [
        ("nodes:goood", "nodes.py has no function goood", "did you mean good?"),
        ("nodes:inside", "nodes.py has no function inside", ""),
        ("nodes:none", "does not take one argument (line 7)", "async def none(ctx)"),
        ("nodes:two", "does not take one argument (line 8)", ""),
        ("nodes:keyword", "does not take one argument (line 9)", ""),
        ("nodes:plain", "is a plain def (line 10)", "async def plain(ctx)"),
        ("nope:good", "there is no file nope.py in the agent's folder", "async def good(ctx)"),
        ("..nodes:good", "not of the form module:function", ""),
        ("nodes", "not of the form module:function", ""),
    ],
)
def test_functions_that_cannot_be_nodes(call: str, message: str, remedy: str, folder: Path) -> None:
    fault = FunctionNodes(folder).fault(call)
    assert fault is not None
    assert message in fault[0]
    assert remedy in fault[1]


def test_a_file_that_is_no_python_is_one_problem(folder: Path) -> None:
    functions = FunctionNodes(folder)
    assert functions.fault("broken:x") is None
    assert functions.fault("broken:y") is None
    (problem,) = functions.problems
    assert (problem.line, problem.file) == (1, str(folder / "broken.py"))


def test_a_file_that_every_user_may_write_is_rejected(folder: Path) -> None:
    (folder / "nodes.py").chmod(0o666)
    functions = FunctionNodes(folder)
    functions.fault("nodes:good")
    assert "every user" in functions.problems[0].message


def test_a_link_may_not_lead_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.py"
    outside.write_text("async def x(ctx): ...")
    (folder / "link.py").symlink_to(outside)
    fault = FunctionNodes(folder).fault("link:x")
    assert fault is not None
    assert "outside the agent's folder" in fault[0]


def test_without_a_folder_there_are_no_functions() -> None:
    fault = FunctionNodes(None).fault("nodes:score")
    assert fault is not None
    assert "needs an agent file" in fault[0]
