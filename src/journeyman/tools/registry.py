"""The registry of a server's tools: each is a spec, an argument check, and how it is run."""

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
from journeyman.tools.replaced import LoadedCode, ReplacedTools
from journeyman.tools.schema.arguments import (
    BothChecks,
    Check,
    CodeCheck,
    ConvertedCheck,
    PlainCheck,
    SchemaCheck,
    check_for_schema,
    decode_arguments,
    filling,
)
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.spec import Invoker, Isolation, LiveTools, ToolSpec
from journeyman.user_code.importing import Package
from journeyman.user_code.local_modules import read_tool_sources

Discover = Callable[[Path], Awaitable[Discovery]]
_MOST_METRICS = 1000  # tools with metrics; the tools of MCP servers come and go
_UNKNOWN = "(unknown)"  # shared by all names that no tool has, since a model may invent any number of them


class RegisteredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that can be called: by its `invoker` if it runs inline, in a worker process by its `target`."""

    spec: ToolSpec
    check: Check
    invoker: Invoker | None = None
    target: ImportTarget | None = None
    findings: tuple[LintFinding, ...] = ()  # of the static check, also those that are allowed
    files: Mapping[str, bytes] = {}  # the sources of its folder, for a worker
    server: LiveTools | None = None  # that lists it; None: its code is in this process

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "check", filling(self.check, self.spec.parameters))

    def check_arguments(self, raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
        """Check a call's arguments, with its defaults filled in, and return what is recorded and executed. Pure.

        Raises:
            ToolValidationError: `invalid_arguments`, worded for the model: not JSON, or `field: problem`.
        """
        return self.check.check(decode_arguments(raw))

    def narrowed(self, spec: ToolSpec) -> RegisteredTool:
        """Return the tool under an agent's narrower spec, whose schema is checked in addition to the code's."""
        if spec.parameters == self.spec.parameters:
            return msgspec.structs.replace(self, spec=spec)
        check = BothChecks(filling(self.check, spec.parameters), SchemaCheck(spec.parameters))
        return msgspec.structs.replace(self, spec=spec, check=check)


class ToolRegistry:
    """The registered tools by name. `problems` says what discovery and the enforced static check refused."""

    def __init__(self, isolation: Isolation | None = None, *, watchdog: Watchdog | None = None) -> None:
        self._isolation = isolation
        self._lint: FolderLint | None = None
        self._security: Security = "off"
        self.tools: dict[str, RegisteredTool] = {}
        self.problems: list[Problem] = []
        self.lost: frozenset[str] = frozenset()  # names of tools in files that cannot be used
        self._metrics: dict[str, ToolMetrics] = {}
        self._code = LoadedCode()
        self._fingerprint: str | None = None  # of the tools folder
        self._folder_tools: dict[str, RegisteredTool] = {}
        self._replaced: ReplacedTools[RegisteredTool] = ReplacedTools()
        self._watchdog = watchdog or Watchdog()
        self._shares_code = False  # with an earlier registry of the same folder

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
        """Return a registry of the tools under `path` (a folder or a file) and the built-in ones.

        A file that cannot be used is listed in `problems`, and the others are registered. A user's tool may have the
        name of a built-in one, which it replaces.

        Args:
            path: the tools folder or a single file; None for the built-in tools only.
            clock: for the built-in tools.
            discover: finds the tools of a folder.
            isolation: for tools of the folder that do not declare one.
            security: with `enforce`, a tool in which the static check finds an error is refused.
            earlier: the registry that this one may replace. If its folder has not changed since, no code runs again.
        """
        registry = cls(isolation, watchdog=None if earlier is None else earlier._watchdog)
        if earlier is not None and await earlier._is_unchanged(path):
            registry._share(earlier)
        elif path is not None:
            discovery = await discover(Path(path))
            findings = await registry._check(Path(path), discovery, security)
            registry._register_discovered(Path(path), discovery, findings)
        for builtin in builtin_tools(clock or SystemClock()):
            if builtin.name not in registry.tools:
                await registry.register_tool(builtin)
        return registry

    def check_problems(self, specs: Iterable[ToolSpec] = ()) -> list[Problem]:
        """Return the findings of the static check as problems.

        A tool is checked under each of the agents' `specs` of it, or under the spec of its code if there is none.
        """
        if self._lint is None:
            return []
        by_name: dict[str, list[ToolSpec]] = {}
        for spec in specs:
            by_name.setdefault(spec.name, []).append(spec)
        checked = [spec for name, tool in self.tools.items() for spec in by_name.get(name, [tool.spec])]
        found = [finding for spec in checked for finding in self._lint.findings(spec) if not finding.allowed]
        return [finding.problem(self._security) for finding in dict.fromkeys(found)]

    async def register_tool(self, tool: object) -> RegisteredTool:
        """Register a `@tool` function or an instance of `BaseTool`.

        Raises:
            ToolValidationError: it is not a tool, or its signature has no JSON Schema.
            ToolRegistrationError: the name is taken, or a worker process could not import the tool.
        """
        described = describe(tool)
        target = target_of(tool, described.spec.code_hash)
        if target is None and described.spec.policy.isolation == "process":
            raise ToolRegistrationError(
                f"tool {described.spec.name!r} runs in a process and must be importable by module and name: "
                "define it at the top of a module"
            )
        return self.add(self._registered(described, target))

    def add(self, tool: RegisteredTool) -> RegisteredTool:
        """Register a tool and return it. Raises ToolRegistrationError if the name is taken."""
        if tool.spec.name in self.tools:
            other = self.tools[tool.spec.name].spec.source
            raise ToolRegistrationError(f"tool {tool.spec.name!r} is registered already (from {other}): rename one")
        self.tools[tool.spec.name] = tool
        return tool

    def remove(self, name: str) -> None:
        """Remove a tool; its metrics stay."""
        self.tools.pop(name, None)

    def resolve(self, spec: ToolSpec) -> RegisteredTool:
        """Return the tool that runs a call under `spec`: with the code of the spec if it is kept, else the current one.

        Raises ToolNotFoundError if no tool has the name.
        """
        tool = self.tools.get(spec.name)
        if tool is not None and tool.spec.code_hash == spec.code_hash:
            return tool
        return self._replaced.get(spec) or self.get(spec.name)

    def replace_with(self, new: ToolRegistry, external: Container[str] = ()) -> list[LoadedCode]:
        """Take over the tools of `new`; keep the replaced ones for the runs that started with them.

        `external`: names of tools that stay, since they are not from the tools folder. Returns code that can be closed.
        """
        current = {(name, tool.spec.code_hash) for name, tool in new.tools.items()}
        replaced = [
            tool
            for name, tool in self.tools.items()
            if name not in external and (name, tool.spec.code_hash) not in current
        ]
        code = None if new._code is self._code else self._code
        dropped = self._replaced.keep(replaced, code) if replaced or code else []
        staying = {name: tool for name, tool in self.tools.items() if name in external}
        self.tools.clear()
        self.tools.update(staying | new.tools)
        self.problems, self._lint, self._security = new.problems, new._lint, new._security
        self._code, self._fingerprint, self._folder_tools = new._code, new._fingerprint, new._folder_tools
        return dropped

    @property
    def tool_specs(self) -> dict[str, dict[str, JSON]]:
        """For each tool: {name, description, parameters: JSON Schema}."""
        return {
            name: {"name": name, "description": tool.spec.description, "parameters": tool.spec.parameters}
            for name, tool in self.tools.items()
        }

    def get(self, name: str) -> RegisteredTool:
        """Return a tool. Raises ToolNotFoundError if no tool has that name."""
        tool = self.tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self.tools)[:30])
            raise ToolNotFoundError(f"there is no tool {name[:100]!r}; there are: {known}")
        return tool

    def check_arguments(self, name: str, raw: str | bytes | dict[str, JSON]) -> dict[str, JSON]:
        """Check a call's arguments, as `RegisteredTool.check_arguments` does.

        Raises ToolNotFoundError, or ToolValidationError (`invalid_arguments`).
        """
        return self.get(name).check_arguments(raw)

    def record(self, event: ToolCallFinished) -> None:
        """Count a finished call in the metrics."""
        name = event.tool if event.tool in self.tools else _UNKNOWN
        metrics = self._metrics.get(name)
        if metrics is None and len(self._metrics) >= _MOST_METRICS:
            name = _UNKNOWN
            metrics = self._metrics.get(name)
        if metrics is None:
            metrics = self._metrics[name] = ToolMetrics()
        metrics.record(event)

    def get_metrics(self) -> dict[str, dict[str, JSON]]:
        """Return for each tool: counts, error_rate (per cent), average_duration, p50, p95 (seconds), loop_blocks."""
        zero = ToolMetrics().read()
        metrics = {name: dict(zero) for name in self.tools}
        metrics |= {name: each.read() for name, each in self._metrics.items()}
        blocks = self._watchdog.blocks
        return {name: {**values, "loop_blocks": blocks[name]} for name, values in metrics.items()}

    def get_durations(self) -> dict[str, Durations]:
        """Return how long calls took, for each tool that was called."""
        return {name: metrics.durations for name, metrics in self._metrics.items()}

    async def aclose(self) -> None:
        """Close the resources that inline tools have opened; idempotent."""
        self._watchdog.close()
        for code in (self._code, *self._replaced.loaded_code()):
            await code.resources.aclose()

    async def discard(self) -> None:
        """Close a registry that will not be used. Code that it shares with an earlier one stays loaded."""
        if not self._shares_code:
            await self._code.aclose()

    def _registered(self, described: Described, target: ImportTarget | None) -> RegisteredTool:
        spec = described.spec
        return RegisteredTool(
            spec=spec,
            check=_check_of(described),
            invoker=InlineInvoker(described, self._code.resources, self._watchdog)
            if spec.policy.isolation == "inline"
            else None,
            target=target,
        )

    async def _check(self, path: Path, discovery: Discovery, security: Security) -> dict[str, tuple[LintFinding, ...]]:
        """Run the static check. Returns the findings by tool."""
        self._security = security
        if security == "off" or not discovery.tools:
            return {}
        lint = self._lint = FolderLint(folder_of(path), discovery.tools)

        def all_findings() -> dict[str, tuple[LintFinding, ...]]:
            return {tool.spec.name: lint.findings(tool.spec) for tool in discovery.tools}

        return await asyncio.to_thread(all_findings)

    async def _is_unchanged(self, path: Path | str | None) -> bool:
        """Check that the tools come from this folder, and that it has not changed since."""
        sources = None if path is None else await asyncio.to_thread(read_tool_sources, Path(path))
        return (None if sources is None else sources.sources.fingerprint) == self._fingerprint

    def _share(self, earlier: ToolRegistry) -> None:
        """Register the folder's tools of an earlier registry, with their modules and schemas."""
        self._code, self._shares_code = earlier._code, True
        self._lint, self._security, self.problems = earlier._lint, earlier._security, list(earlier.problems)
        self.lost = earlier.lost
        self._folder_tools, self._fingerprint = earlier._folder_tools, earlier._fingerprint
        self.tools.update(earlier._folder_tools)

    def _register_discovered(
        self, path: Path, discovery: Discovery, findings: dict[str, tuple[LintFinding, ...]]
    ) -> None:
        """Register the tools that discovery found. This process imports only the files with inline tools."""
        self.problems += discovery.problems
        self.lost = discovery.lost
        files: Mapping[str, bytes] = {}
        if discovery.sources is not None:
            files, self._fingerprint = discovery.sources
        package = Package(folder_of(path), files)
        self._code = LoadedCode(package)
        for tool in discovery.tools:
            found = findings.get(tool.spec.name, ())
            if refuses(found, self._security):
                self.problems += [finding.problem("enforce") for finding in found if not finding.allowed]
                continue
            try:
                self.add(msgspec.structs.replace(self._from_discovered(package, tool, files), findings=found))
            except ToolError as exc:
                self.problems.append(Problem(str(exc), file=tool.target.file, line=tool.line))
        self._folder_tools = dict(self.tools)

    def _from_discovered(self, package: Package, tool: DiscoveredTool, files: Mapping[str, bytes]) -> RegisteredTool:
        """Return a discovered tool with its check and, if it is inline, its invoker. Raises ToolError."""
        if self._isolation == "process" and not tool.declares_isolation:
            tool = msgspec.structs.replace(tool, spec=tool.spec.with_policy(isolation="process"))
        if not tool.inline:
            check = check_for_schema(tool.spec.name, tool.spec.parameters, own=True)
            return RegisteredTool(spec=tool.spec, check=check, target=tool.target, files=files)
        module = package.load(Path(tool.target.file))
        if isinstance(module, Problem):
            raise ToolRegistrationError(f"it could be imported only once: {module.message}")
        described = describe(attribute_of(module, tool.target.attribute))
        return msgspec.structs.replace(self._registered(described, tool.target), spec=tool.spec, files=files)


def _check_of(described: Described) -> CodeCheck:
    if described.arguments is None:
        return SchemaCheck(described.spec.parameters, own=True).compile()
    return PlainCheck(described.arguments) if described.signature.plain else ConvertedCheck(described.arguments)
