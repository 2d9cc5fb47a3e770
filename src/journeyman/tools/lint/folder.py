"""The static check over the tools of one folder, as discovery found them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from journeyman.tools.discovery.discovery import DiscoveredTool
from journeyman.tools.lint.checks import Linter, LintFinding, Security
from journeyman.tools.spec import ToolSpec


class FolderLint:
    """`findings(spec)` judges a tool under any of its specs: the code's, or an agent's narrower one."""

    def __init__(self, root: Path, found: Sequence[DiscoveredTool]) -> None:
        self._checks = Linter(root)
        self._found = {each.spec.name: each for each in found}

    def findings(self, spec: ToolSpec) -> tuple[LintFinding, ...]:
        """Empty for a tool that is not of this folder."""
        found = self._found.get(spec.name)
        if found is None:
            return ()
        neighbours = [each for each in self._found.values() if each.target.file == found.target.file]
        others = [each.line for each in neighbours if each.line is not None and each.line != found.line]
        return self._checks.findings(spec, Path(found.target.file), found.line, others)


def refuses(findings: Sequence[LintFinding], security: Security) -> bool:
    """Whether a tool with these findings is not registered."""
    return security == "enforce" and any(each.severity == "error" and not each.allowed for each in findings)
