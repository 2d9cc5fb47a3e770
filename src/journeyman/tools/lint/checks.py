"""The static check of tool files, which reads their code without running it. It is a linter and not a boundary."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from journeyman.errors import Problem
from journeyman.tools.lint.rules.arguments import argument_hits
from journeyman.tools.lint.rules.catalogue import RULES, Hit, Severity
from journeyman.tools.lint.rules.code import code_hits
from journeyman.tools.lint.rules.loop import loop_hits
from journeyman.tools.lint.rules.names import NameResolver
from journeyman.tools.lint.rules.reach import access_hits, missing_packages
from journeyman.tools.permissions import covers_host, covers_path
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import install_line, nearby_remedy
from journeyman.user_code.local_modules import BESIDE, is_installed, paths_of_imports

DISCLAIMER = "The static check is a linter, not a boundary: code that means harm gets past it."
Security = Literal["off", "warn", "enforce"]

_ALLOW = re.compile(r"#\s*journeyman:\s*allow\s+((?:JM\d{3}[,\s]*)+)")
_MOST = 100  # findings of one tool
_LONGEST_ALLOWED = 20  # lines of an expression on which an allowing comment counts


class LintFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a tool's code that breaks a rule. `allowed`: a comment on the line allows it."""

    rule: str
    severity: Severity
    message: str
    remedy: str
    file: str
    line: int
    allowed: bool = False

    def problem(self, security: Security) -> Problem:
        """Return the finding as a problem, which is an error only if `security` is `enforce`."""
        severity = self.severity if security == "enforce" else "warning"
        return Problem(f"{self.rule}: {self.message}", self.file, self.line, remedy=self.remedy, severity=severity)


class _Source(NamedTuple):
    """A file that was read."""

    file: str
    hits: tuple[Hit, ...]
    allows: Mapping[int, frozenset[str]]  # line -> the rules that its comment allows
    blocks: tuple[tuple[int, int], ...]  # first and last line of each function and class at the top of the file
    imports: tuple[Path, ...]  # the folder's files that it imports


class Linter:
    """Checks the tools of one folder, and the files that they import from it. Each file is read once."""

    def __init__(self, root: Path) -> None:
        self._given, self._root = root, root.resolve()
        self._sources: dict[Path, _Source | None] = {}

    def findings(
        self, spec: ToolSpec, file: Path, line: int | None, others: Sequence[int] = ()
    ) -> tuple[LintFinding, ...]:
        """Return the findings of the tool that starts at `line`. `others`: where the file's other tools start."""
        source = self._source(file.resolve())
        if source is None:
            return ()
        own = [block for block in source.blocks if line is not None and block[0] <= line <= block[1]]
        skipped = [block for block in source.blocks if any(block[0] <= each <= block[1] for each in others)]
        found = [self._finding(source, hit, hit.rule, hit.message) for hit in argument_hits(spec.parameters, line or 1)]
        found += [*self._findings_of(source, spec, [block for block in skipped if block not in own])]
        for imported in self._imported(file.resolve()):
            found += self._findings_of(imported, spec, [])
        return tuple(dict.fromkeys(found))[:_MOST]

    def _findings_of(
        self, source: _Source, spec: ToolSpec, skipped: Sequence[tuple[int, int]]
    ) -> Iterator[LintFinding]:
        """Yield the findings of one file outside the skipped lines."""
        reported: set[tuple[str, str]] = set()
        for hit in source.hits:
            if any(first <= hit.line <= last for first, last in skipped):
                continue
            broken = _broken_rule(hit, spec)
            if broken is None:
                continue
            rule, message = broken
            if hit.access in ("network", "write", "thread_state"):
                key = (rule, hit.what if hit.access == "network" else "")
                if key in reported:
                    continue  # one declaration is the remedy for all of them
                reported.add(key)
            yield self._finding(source, hit, rule, message)

    @staticmethod
    def _finding(source: _Source, hit: Hit, rule: str, message: str) -> LintFinding:
        last = min(hit.end, hit.line + _LONGEST_ALLOWED)
        allowed = any(rule in source.allows.get(line, ()) for line in range(hit.line, last + 1))
        return LintFinding(
            rule=rule,
            severity=RULES[rule].severity,
            message=message,
            remedy=RULES[rule].remedy,
            file=source.file,
            line=hit.line,
            allowed=allowed,
        )

    def _imported(self, file: Path) -> list[_Source]:
        """Return the files of the folder that a file imports, directly or not."""
        seen, waiting, found = {file}, [file], []
        while waiting:
            source = self._source(waiting.pop())
            for path in source.imports if source is not None else ():
                if path not in seen:
                    seen.add(path)
                    waiting.append(path)
                    inner = self._source(path)
                    found += [inner] if inner is not None else []
        return found

    def _source(self, file: Path) -> _Source | None:
        if file not in self._sources:
            self._sources[file] = self._read(file)
        return self._sources[file]

    def _read(self, file: Path) -> _Source | None:
        try:
            text = file.read_bytes()
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None  # discovery reports why it cannot be used
        tree = ast.Module([node for node in tree.body if not _is_script(node)], [])
        nodes = list(ast.walk(tree))
        names = NameResolver(nodes)
        hits = [hit for node in nodes for kind in (code_hits, access_hits) for hit in kind(node, names)]
        hits += [*loop_hits(tree, nodes, names), *missing_packages(nodes, partial(self._remedy, file))]
        hits.sort(key=lambda each: each.line)
        imports = (*self._relative_imports(nodes, file), *self._modules_beside(nodes))
        return _Source(self._shown_path(file), tuple(hits), _allows(text), _blocks(tree), imports)

    def _shown_path(self, file: Path) -> str:
        """Return the path of a file as the user wrote it: below the folder as it was given."""
        return str(self._given / file.relative_to(self._root)) if file.is_relative_to(self._root) else str(file)

    def _relative_imports(self, nodes: Sequence[ast.AST], file: Path) -> Iterator[Path]:
        """Yield the folder's files that the relative imports of a file name."""
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = file.parents[node.level - 1] if node.level <= len(file.parents) else self._root
                folder = folder.joinpath(*(node.module or "").split("."))
                candidates = [folder.with_suffix(".py"), *(folder / f"{alias.name}.py" for alias in node.names)]
                root = self._root if file.is_relative_to(self._root) else self._root.parent
                yield from (path for path in candidates if path.is_relative_to(root) and path.is_file())

    def _modules_beside(self, nodes: Sequence[ast.AST]) -> Iterator[Path]:
        """Yield the files beside the folder that absolute imports name, unless they mean an installed module."""
        folder = self._root.parent
        for name in paths_of_imports("", (node for node in nodes if not getattr(node, "level", 0))):
            path = folder / name.removeprefix(BESIDE)
            if path.is_file() and not is_installed(path.relative_to(folder).parts[0].removesuffix(".py"), folder):
                yield path

    def _remedy(self, file: Path, package: str) -> str | None:
        """Return what to do about a package that is not installed. None: it is a module beside the folder."""
        if any(self._modules_beside([ast.Import([ast.alias(package)])])):
            return None
        return nearby_remedy(package, file, self._root) or install_line(package)


def _broken_rule(hit: Hit, spec: ToolSpec) -> tuple[str, str] | None:
    """Return the rule that the hit breaks under a tool's spec, and the message; None if it breaks none."""
    match hit.access:
        case None:
            return hit.rule, hit.message
        case "loop":
            return (hit.rule, hit.message) if spec.policy.isolation == "inline" else None
        case "thread_state":
            return ("JM602", f"{spec.name} {hit.message}") if spec.policy.is_cacheable else None
        case "env":
            declared = hit.what in spec.policy.permissions.env
            return None if declared else ("JM303", f"{hit.message}, which permissions.env does not name")
        case "network" | "host":
            return _broken_network_rule(hit, spec.policy.permissions.network)
        case _:
            return _broken_path_rule(hit, spec.policy.permissions.files)


def _broken_network_rule(hit: Hit, allowed: tuple[str, ...] | None) -> tuple[str, str] | None:
    if hit.access == "network":
        if allowed is None:
            return "JM202", f"{hit.message} without permissions.network"
        return None if allowed else ("JM203", f"{hit.message}, and permissions.network is empty")
    if not allowed or any(covers_host(entry, hit.what) for entry in allowed):
        return None
    return "JM204", f"{hit.message}, which permissions.network does not name"


def _broken_path_rule(hit: Hit, allowed: tuple[str, ...] | None) -> tuple[str, str] | None:
    if allowed is None:
        return ("JM301", f"{hit.message} without permissions.files") if hit.access == "write" else None
    if not hit.what:
        return None if allowed else ("JM302", f"{hit.message}, and permissions.files is empty")
    if any(covers_path(entry, hit.what) for entry in allowed):
        return None
    return ("JM302", f"{hit.message}, which permissions.files does not name") if hit.access == "path" else None


def _is_script(node: ast.stmt) -> bool:
    """Check for `if __name__ == "__main__":`, which never runs in a tool."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _allows(text: bytes) -> dict[int, frozenset[str]]:
    """Return the rules that comments allow, by line."""
    if b"journeyman:" not in text:
        return {}
    found: dict[int, frozenset[str]] = {}
    for token in tokenize.tokenize(io.BytesIO(text).readline):
        comment = _ALLOW.match(token.string) if token.type == tokenize.COMMENT else None
        if comment is not None:
            found[token.start[0]] = frozenset(re.findall(r"JM\d{3}", comment[1]))
    return found


def _blocks(tree: ast.Module) -> tuple[tuple[int, int], ...]:
    """Return the first and last line of each function and class at the top of the file, decorators included."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.append((first, node.end_lineno or node.lineno))
    return tuple(found)
