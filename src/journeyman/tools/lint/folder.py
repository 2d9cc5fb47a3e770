"""The static check of the tools that discovery found in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from journeyman.tools.discovery.discovery import DiscoveredTool
from journeyman.tools.lint.checks import Linter, LintFinding, Security
from journeyman.tools.spec import ToolSpec


class FolderLint:
    """Checks the tools of one folder, under the spec of their code or an agent's narrower one."""

    def __init__(self, root: Path, tools: Sequence[DiscoveredTool]) -> None:
        self._linter = Linter(root)
        self._tools = {tool.spec.name: tool for tool in tools}

    def findings(self, spec: ToolSpec) -> tuple[LintFinding, ...]:
        """Return the findings of a tool under `spec`; none if the tool is not from this folder."""
        tool = self._tools.get(spec.name)
        if tool is None:
            return ()
        neighbours = [each for each in self._tools.values() if each.target.file == tool.target.file]
        others = [each.line for each in neighbours if each.line is not None and each.line != tool.line]
        return self._linter.findings(spec, Path(tool.target.file), tool.line, others)


def refuses(findings: Sequence[LintFinding], security: Security) -> bool:
    """Check whether a tool with these findings is refused: an error that is not allowed, with `enforce`."""
    return security == "enforce" and any(each.severity == "error" and not each.allowed for each in findings)
