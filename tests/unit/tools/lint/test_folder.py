"""The findings of the tools of one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.tools.discovery.discovery import DiscoveredTool
from journeyman.tools.lint.checks import LintFinding
from journeyman.tools.lint.folder import FolderLint, refuses
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.spec import ToolSpec

CODE = '''\
import time
from journeyman import tool

@tool(effects="none")
async def waits() -> str:
    """Wait."""
    time.sleep(1)
    return ""

@tool(effects="none")
async def fine() -> str:
    """Be fine."""
    return ""
'''


def found(name: str, file: Path, line: int) -> DiscoveredTool:
    spec = ToolSpec(name=name, description=name, parameters={"type": "object"}).with_policy(
        effects="none", declared=True
    )
    return DiscoveredTool(spec=spec, target=ImportTarget(attribute=name, file=str(file)), line=line)


def test_each_tool_is_judged_by_its_own_lines(tmp_path: Path) -> None:
    file = tmp_path / "tools.py"
    file.write_text(CODE)
    waits, fine = found("waits", file, 4), found("fine", file, 10)
    lint = FolderLint(tmp_path, [waits, fine])
    assert [finding.line for finding in lint.findings(waits.spec)] == [7]
    assert lint.findings(fine.spec) == ()
    assert lint.findings(found("unknown", file, 1).spec) == ()


@pytest.mark.parametrize(
    ("severity", "allowed", "security", "refused"),
    [
        ("error", False, "enforce", True),
        ("error", True, "enforce", False),
        ("warning", False, "enforce", False),
        ("error", False, "warn", False),
    ],
)
def test_only_an_error_that_nobody_allowed_refuses_a_tool(
    severity: str, allowed: bool, security: str, refused: bool
) -> None:
    finding = LintFinding(rule="r", file="a.py", severity=severity, message="m", remedy="r", line=1, allowed=allowed)  # type: ignore[arg-type]
    assert refuses([finding], security) is refused  # type: ignore[arg-type]
