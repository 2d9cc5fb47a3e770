"""Where a tool's code is, so that another process can import it."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ToolRegistrationError
from journeyman.tools.process.import_target import ImportTarget, attribute_of, resolve, target_of
from journeyman.tools.tool import BaseTool, tool
from journeyman.user_code.importing import Package


@tool(effects="none")
def look(at: str) -> str:
    """Look."""
    return at


class Box(BaseTool):
    name = "box"
    description = "A box."

    async def run(self) -> str:
        return ""


box = Box()


def test_what_a_module_holds_can_be_imported_by_name() -> None:
    target = target_of(look, "v1")
    assert target is not None
    assert (target.attribute, target.module, target.code_hash) == ("look", __name__, "v1")
    assert resolve(target, {}) is look
    of_box = target_of(box)
    assert of_box is not None
    assert resolve(of_box, {}) is box


def test_what_no_other_process_can_import_has_no_target() -> None:
    @tool
    def nested() -> str:
        return ""

    assert target_of(nested) is None
    assert target_of(Box()) is None


def test_tools_of_one_file_share_its_module(tmp_path: Path) -> None:
    file = tmp_path / "sums.py"
    functions = [f"@tool\ndef {name}() -> str:\n    return {name!r}\n" for name in ("one", "two")]
    file.write_text("from journeyman import tool\n" + "".join(functions))
    packages: dict[str, Package] = {}
    one, two = (
        resolve(ImportTarget(attribute=name, file=str(file), root=str(tmp_path)), packages) for name in ("one", "two")
    )
    assert (one(), two(), one.__globals__ is two.__globals__) == ("one", "two", True)
    with pytest.raises(ToolRegistrationError, match="no tool 'three'"):
        resolve(ImportTarget(attribute="three", file=str(file), root=str(tmp_path)), packages)


def test_a_class_is_instantiated() -> None:
    class Module:
        box = Box
        text = "x"

    assert isinstance(attribute_of(Module, "box"), Box)
    with pytest.raises(ToolRegistrationError):
        attribute_of(Module, "text")
