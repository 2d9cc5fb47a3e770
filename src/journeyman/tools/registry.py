"""The tools of a server: name -> spec, check, invoker. Never a bare function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from pathlib import Path

import msgspec

from journeyman.clock import Clock, SystemClock
from journeyman.errors import Problem, ToolError, ToolNotFoundError, ToolRegistrationError
from journeyman.events.events import ToolCallFinished
from journeyman.events.messages import JSON
from journeyman.tools.builtin import builtin_tools
from journeyman.tools.discovery.discovery import DiscoveredTool, Discovery, discover, folder_of
from journeyman.tools.inline.invoker import InlineInvoker
from journeyman.tools.inline.watchdog import Watchdog
from journeyman.tools.lint.checks import LintFinding, Security
from journeyman.tools.lint.folder import FolderLint, refuses
from journeyman.tools.metrics import Durations, ToolMetrics
from journeyman.tools.process.import_target import ImportTarget, attribute_of, target_of
from journeyman.tools.replaced import Code, ReplacedTools
from journeyman.tools.schema.arguments import (
    ArgumentCheck,
    BothChecks,
    ConvertedCheck,
    PlainCheck,
    SchemaCheck,
    check_for_schema,
    decode_arguments,
)
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.spec import Invoker, Isolation, ToolSpec
from journeyman.user_code.importing import Package
from journeyman.user_code.sources import read_sources

Discover = Callable[[Path], Awaitable[Discovery]]
_MOST_FIGURES = 1000  # tools that were called: those of MCP servers come and go
_UNKNOWN = "(unknown)"  # one entry for every name that no tool has: a model may invent any number of them


class RegisteredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool ready to be called. At least one of `invoker` (inline) and `target` (in a worker) is there."""

    spec: ToolSpec
    check: ArgumentCheck
    invoker: Invoker | None = None
    target: ImportTarget | None = None
    findings: tuple[LintFinding, ...] = ()  # of the static check, those that are allowed included
    files: Mapping[str, bytes] = {}  # the sources of its folder, for a worker

    def check_arguments(self, raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
        """A call's arguments, checked: what is to be recorded and executed. Pure.

        Raises:
            ToolValidationError: `invalid_arguments`, readable by a model: not JSON, or `field: problem`.
        """
        return self.check.check(decode_arguments(raw))

    def narrowed(self, spec: ToolSpec) -> RegisteredTool:
        """The same tool under an agent's spec (`narrowing.narrowed`): its schema is checked in addition."""
        if spec.parameters == self.spec.parameters:
            return msgspec.structs.replace(self, spec=spec)
        return msgspec.structs.replace(self, spec=spec, check=BothChecks(self.check, SchemaCheck(spec.parameters)))


class ToolRegistry:
    """Registers tools by name, once each. `problems` holds what discovery and the enforced check refused."""

    def __init__(self, isolation: Isolation | None = None, *, watchdog: Watchdog | None = None) -> None:
        self._isolation = isolation
        self._checks: FolderLint | None = None
        self._security: Security = "off"
        self.tools: dict[str, RegisteredTool] = {}
        self.problems: list[Problem] = []
        self._metrics: dict[str, ToolMetrics] = {}
        self._code = Code()
        self._fingerprint: str | None = None  # of the folder that the tools came from
        self._folder: dict[str, RegisteredTool] = {}  # what it gave
        self._earlier: ReplacedTools[RegisteredTool] = ReplacedTools()
        self._watchdog = watchdog or Watchdog()
        self._shares_code = False

    @classmethod
    async def auto_register(
        cls,
        path: Path | str | None = None,
        *,
        clock: Clock | None = None,
        discover: Discover = discover,
        isolation: Isolation | None = None,
        security: Security = "warn",
        earlier: ToolRegistry | None = None,
    ) -> ToolRegistry:
        """A registry of the tools under `path` (a folder or a file) and the built-in ones.

        A file that cannot be used is one of `problems`; the others are registered. A user's tool may take the name
        of a built-in one. `isolation` is for the tools of the folder that do not say one themselves. With `enforce` a
        tool that the static check finds an error in is a problem too. `earlier` is the registry of the same folder that
        this one may replace: of a folder that has not changed since, nothing is run again.
        """
        registry = cls(isolation, watchdog=None if earlier is None else earlier._watchdog)
        if earlier is not None and await earlier._is_of(path):
            registry._adopt_unchanged(earlier)
        elif path is not None:
            discovery = await discover(Path(path))
            findings = await registry._check(Path(path), discovery, security)
            registry._adopt(Path(path), discovery, findings)
        for builtin in builtin_tools(clock or SystemClock()):
            if builtin.name not in registry.tools:
                await registry.register_tool(builtin)
        return registry

    def check_problems(self, specs: Iterable[ToolSpec] = ()) -> list[Problem]:
        """What the static check finds: of each tool under the `specs` that agents have of it, else under its code's."""
        if self._checks is None:
            return []
        given: dict[str, list[ToolSpec]] = {}
        for spec in specs:
            given.setdefault(spec.name, []).append(spec)
        judged = [spec for name, tool in self.tools.items() for spec in given.get(name, [tool.spec])]
        found = [finding for spec in judged for finding in self._checks.findings(spec) if not finding.allowed]
        return [finding.problem(self._security) for finding in dict.fromkeys(found)]

    async def register_tool(self, tool: object) -> RegisteredTool:
        """Register a `@tool` function or an instance of `BaseTool`.

        Raises:
            ToolValidationError: it is no tool, or its signature makes no schema.
            ToolRegistrationError: the name is taken, or a worker process could not import it.
        """
        described = describe(tool)
        target = target_of(tool, described.spec.code_hash)
        if target is None and described.spec.isolation == "process":
            raise ToolRegistrationError(
                f"tool {described.spec.name!r} runs in a process and must be importable by module and name: "
                "define it at the top of a module"
            )
        return self.add(self._registered(described, target))

    def add(self, tool: RegisteredTool) -> RegisteredTool:
        """Register a tool that is ready. Raises ToolRegistrationError when the name is taken."""
        if tool.spec.name in self.tools:
            other = self.tools[tool.spec.name].spec.source
            raise ToolRegistrationError(f"tool {tool.spec.name!r} is registered already (from {other}): rename one")
        self.tools[tool.spec.name] = tool
        return tool

    def remove(self, name: str) -> None:
        """Forget a tool; its figures stay."""
        self.tools.pop(name, None)

    def called(self, spec: ToolSpec) -> RegisteredTool:
        """The tool that a definition means: of the code that it was made with, while that is kept; else as it is now.

        Raises ToolNotFoundError when there is neither.
        """
        tool = self.tools.get(spec.name)
        if tool is not None and tool.spec.code_hash == spec.code_hash:
            return tool
        return self._earlier.get(spec) or self.get(spec.name)

    def become(self, new: ToolRegistry, foreign: Container[str] = ()) -> list[Code]:
        """Have the tools of `new` at once, and keep those that it replaces for the runs that began with them.

        `foreign` are names that stay, since they come from elsewhere. Returned: code that nobody keeps any more.
        """
        now = {(name, tool.spec.code_hash) for name, tool in new.tools.items()}
        replaced = [
            tool for name, tool in self.tools.items() if name not in foreign and (name, tool.spec.code_hash) not in now
        ]
        code = None if new._code is self._code else self._code
        dropped = self._earlier.keep(replaced, code) if replaced or code else []
        staying = {name: tool for name, tool in self.tools.items() if name in foreign}
        self.tools.clear()
        self.tools.update(staying | new.tools)
        self.problems, self._checks, self._security = new.problems, new._checks, new._security
        self._code, self._fingerprint, self._folder = new._code, new._fingerprint, new._folder
        return dropped

    @property
    def tool_specs(self) -> dict[str, dict[str, JSON]]:
        """Name -> {name, description, parameters: JSON Schema}."""
        return {
            name: {"name": name, "description": tool.spec.description, "parameters": tool.spec.parameters}
            for name, tool in self.tools.items()
        }

    def get(self, name: str) -> RegisteredTool:
        """Raises ToolNotFoundError when no tool has that name."""
        tool = self.tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self.tools)[:30])
            raise ToolNotFoundError(f"there is no tool {name[:100]!r}; there are: {known}")
        return tool

    def check_arguments(self, name: str, raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
        """A call's arguments, checked. Raises ToolNotFoundError or ToolValidationError (`invalid_arguments`)."""
        return self.get(name).check_arguments(raw)

    def record(self, fact: ToolCallFinished) -> None:
        """Count a finished call in the metrics."""
        name = fact.tool if fact.tool in self.tools else _UNKNOWN
        metrics = self._metrics.get(name)
        if metrics is None and len(self._metrics) >= _MOST_FIGURES:
            name = _UNKNOWN
            metrics = self._metrics.get(name)
        if metrics is None:
            metrics = self._metrics[name] = ToolMetrics()
        metrics.record(fact)

    def get_metrics(self) -> dict[str, dict[str, JSON]]:
        """Name -> counts, error_rate (per cent), average_duration, p50, p95 (seconds), loop_blocks."""
        silent = ToolMetrics().read()
        figures = {name: dict(silent) for name in self.tools}
        figures |= {name: metrics.read() for name, metrics in self._metrics.items()}
        blocks = self._watchdog.blocks
        return {name: {**figure, "loop_blocks": blocks[name]} for name, figure in figures.items()}

    def get_durations(self) -> dict[str, Durations]:
        """Name -> how long its calls took; of tools that were called."""
        return {name: metrics.durations for name, metrics in self._metrics.items()}

    async def aclose(self) -> None:
        """Clean up the resources that inline tools opened."""
        self._watchdog.close()
        for code in (self._code, *self._earlier.codes()):
            await code.resources.aclose()

    async def discard(self) -> None:
        """Let go of a registry that is not going to be used; what it shares with an earlier one stays."""
        if not self._shares_code:
            await self._code.aclose()

    def _registered(self, described: Described, target: ImportTarget | None) -> RegisteredTool:
        spec = described.spec
        return RegisteredTool(
            spec=spec,
            check=_check_of(described),
            invoker=InlineInvoker(described, self._code.resources, self._watchdog)
            if spec.isolation == "inline"
            else None,
            target=target,
        )

    async def _check(self, path: Path, discovery: Discovery, security: Security) -> dict[str, tuple[LintFinding, ...]]:
        self._security = security
        if security == "off" or not discovery.tools:
            return {}
        checks = self._checks = FolderLint(folder_of(path), discovery.tools)

        def all_findings() -> dict[str, tuple[LintFinding, ...]]:
            return {found.spec.name: checks.findings(found.spec) for found in discovery.tools}

        return await asyncio.to_thread(all_findings)

    async def _is_of(self, path: Path | str | None) -> bool:
        """Whether the tools came from this folder, and it has not changed since."""
        read = None if path is None else await asyncio.to_thread(read_sources, Path(path))
        return (None if read is None else read.fingerprint) == self._fingerprint

    def _adopt_unchanged(self, earlier: ToolRegistry) -> None:
        """The folder is what it was: its modules and schemas stay."""
        self._code, self._shares_code = earlier._code, True
        self._checks, self._security, self.problems = earlier._checks, earlier._security, list(earlier.problems)
        self._folder, self._fingerprint = earlier._folder, earlier._fingerprint
        self.tools.update(earlier._folder)

    def _adopt(self, path: Path, discovery: Discovery, findings: dict[str, tuple[LintFinding, ...]]) -> None:
        """Register what discovery found; this process imports only the files that hold inline tools."""
        self.problems += discovery.problems
        files: Mapping[str, bytes] = {}
        if discovery.sources is not None:
            files, self._fingerprint = discovery.sources
        package = Package(folder_of(path), files)
        self._code = Code(package)
        for found in discovery.tools:
            found_in = findings.get(found.spec.name, ())
            if refuses(found_in, self._security):
                self.problems += [each.problem("enforce") for each in found_in if not each.allowed]
                continue
            try:
                self.add(msgspec.structs.replace(self._from_found(package, found, files), findings=found_in))
            except ToolError as exc:
                self.problems.append(Problem(str(exc), file=found.target.file, line=found.line))
        self._folder = dict(self.tools)

    def _from_found(self, package: Package, found: DiscoveredTool, files: Mapping[str, bytes]) -> RegisteredTool:
        if self._isolation == "process" and not found.declares_isolation:
            found = msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, isolation="process"))
        if not found.inline:
            check = check_for_schema(found.spec.name, found.spec.parameters)
            return RegisteredTool(spec=found.spec, check=check, target=found.target, files=files)
        module = package.load(Path(found.target.file))
        if isinstance(module, Problem):
            raise ToolRegistrationError(f"it could be imported only once: {module.message}")
        described = describe(attribute_of(module, found.target.attribute))
        tool = self._registered(described, found.target)
        return msgspec.structs.replace(tool, spec=found.spec, files=files)


def _check_of(described: Described) -> ArgumentCheck:
    if described.arguments is None:
        return SchemaCheck(described.spec.parameters).compile()
    return PlainCheck(described.arguments) if described.signature.plain else ConvertedCheck(described.arguments)
