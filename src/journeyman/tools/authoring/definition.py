"""The declaration of a tool in its code: the policy given to `@tool`, or by the attributes of a `BaseTool`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple, TypedDict, get_args

import msgspec

from journeyman.errors import ToolValidationError
from journeyman.tools.permissions import Permissions, ProcessLimits
from journeyman.tools.spec import (
    OUTPUT_CAP,
    ApprovalPolicy,
    CacheScope,
    CacheTtl,
    Effects,
    Isolation,
    OnUnknown,
    ToolPolicy,
)

MARK = "__journeyman_tool__"  # the attribute of a function in which @tool leaves the declaration
INFINITY = float("inf")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST = 1 << 30  # the largest value of a limit


class DeclarationFault(NamedTuple):
    """What is wrong with the `@tool` of one function, and the function's line. None: it has no line."""

    message: str
    line: int | None


_collected: ContextVar[list[DeclarationFault] | None] = ContextVar("collected", default=None)


@contextmanager
def collected_faults() -> Iterator[list[DeclarationFault]]:
    """Collect the faults of every `@tool` in the block in place of raising the first: the file is imported whole."""
    faults: list[DeclarationFault] = []
    token = _collected.set(faults)
    try:
        yield faults
    finally:
        _collected.reset(token)


def collects(error: ToolValidationError, target: Any) -> bool:
    """Keep an error about `target`, if faults are collected now. Returns whether they are."""
    faults = _collected.get()
    if faults is not None:
        code = getattr(target, "__code__", None)
        faults.append(DeclarationFault(error.message, code.co_firstlineno if code else None))
    return faults is not None


class Sensitive:
    """The mark of a sensitive argument, `Annotated[str, Sensitive]`: it is masked everywhere it would be shown."""


class Allowed(TypedDict, total=False):
    """The `permissions` of a tool, as they are written in code. See `permissions.Permissions`."""

    network: list[str]
    files: list[str]
    env: list[str]


class ToolDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """What the code declares about a tool. None means that it declares nothing."""

    name: str
    description: str | None = None
    effects: Effects | None = None
    on_unknown: OnUnknown | None = None
    approval: str = "never"
    timeout_seconds: float | None = None
    retries: int | None = None
    isolation: Isolation | None = None
    output_cap: int = OUTPUT_CAP
    permissions: Allowed | None = None
    cache_ttl: CacheTtl = 0
    cache_scope: CacheScope = "principal"
    limits: Mapping[str, int] | None = None

    def refuse_nonsense(self) -> None:
        """Check the declaration. Raises ToolValidationError that names every invalid value."""
        if faults := list(self._faults()):
            raise ToolValidationError(f"tool {self.name!r}: {'; '.join(faults)}")

    def _faults(self) -> Iterator[str]:
        """Yield a sentence about each invalid value, and none about what only follows from another one."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            yield "a tool's name is 1 to 64 letters, digits, _ or -"
        yield from self._faults_of_choices()
        yield from self._faults_of_numbers()
        yield from self._faults_of_limits()
        yield from self._faults_of_cache()
        try:
            self.allowed()
        except ValueError as exc:
            yield str(exc)

    @property
    def _may_be(self) -> tuple[object, ...]:
        """The effects that the author may have meant: all of them, if the declared ones do not exist."""
        known = get_args(Effects)
        return (self.effects,) if self.effects is None or self.effects in known else known

    def _faults_of_choices(self) -> Iterator[str]:
        for key, value, allowed in (
            ("effects", self.effects, get_args(Effects)),
            ("on_unknown", self.on_unknown, get_args(OnUnknown)),
            ("isolation", self.isolation, get_args(Isolation)),
            ("cache_scope", self.cache_scope, get_args(CacheScope)),
        ):
            if value is not None and value not in allowed:
                yield f"{key} is one of {', '.join(allowed)}, not {value!r}"
        if not isinstance(self.approval, str) or not self.approval.strip():
            yield "approval is never, always or a condition"

    def _faults_of_numbers(self) -> Iterator[str]:
        timeout = self.timeout_seconds
        if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < INFINITY):
            yield "timeout_seconds is a number above 0"
        if self.retries is not None and (not isinstance(self.retries, int) or self.retries < 0):
            yield "retries is 0 or more"
        elif self.retries and not {"none", "idempotent"}.intersection(self._may_be):
            yield "retries need effects none or idempotent: a call of effects once is never tried again"
        if not isinstance(self.output_cap, int) or self.output_cap < 1:
            yield "output_cap is a number of characters above 0"

    def _faults_of_limits(self) -> Iterator[str]:
        known = ProcessLimits.__struct_fields__
        if not isinstance(self.limits or {}, Mapping) or set(self.limits or {}) - set(known):
            yield f"limits are a mapping of {', '.join(known)}"
        elif not all(type(value) is int and 0 < value < _MOST for value in (self.limits or {}).values()):
            yield "each of limits is a whole number above 0"

    def _faults_of_cache(self) -> Iterator[str]:
        ttl = self.cache_ttl
        if ttl != "default" and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 <= ttl < INFINITY):
            yield "cache_ttl is a number of seconds, or default"
        elif ttl != 0 and "none" not in self._may_be:
            yield "cache_ttl needs effects none: an answer from the cache does nothing"

    def allowed(self) -> Permissions:
        """Return the permissions. Raises ValueError if one cannot be used."""
        return Permissions() if self.permissions is None else Permissions.read(self.permissions)

    def policy(self, *, blocking: bool) -> ToolPolicy:
        """Return the policy that this declares. A `blocking` tool, a plain `def`, always runs in a process."""
        declared, effects = self.effects is not None, self.effects or "once"
        return ToolPolicy(
            effects=effects,
            declared=declared,
            on_unknown=self.on_unknown or ("ask" if declared and effects == "once" else "tell"),
            approval=ApprovalPolicy(self.approval),
            timeout_seconds=self.timeout_seconds,
            retries=self.retries,
            isolation="process" if blocking else self.isolation or "inline",
            output_cap=self.output_cap,
            limits=ProcessLimits(**(self.limits or {})),
            permissions=self.allowed(),
            cache_ttl=self.cache_ttl,
            cache_scope=self.cache_scope,
        )


def declaration_of(function: Any) -> ToolDeclaration | None:
    """Return the declaration that `@tool` left on a function; None if it is not a tool."""
    found = getattr(function, MARK, None)
    return found if isinstance(found, ToolDeclaration) else None


class Declared:
    """A tool declared by the attributes of a class. `brings_schema`: the class overrides `get_spec`."""

    name: str = ""
    description: str = ""
    effects: Effects | None = None
    on_unknown: OnUnknown | None = None
    approval: str = "never"
    timeout_seconds: float | None = None
    retries: int | None = None
    isolation: Isolation | None = None
    output_cap: int = OUTPUT_CAP
    permissions: Allowed | None = None
    cache_ttl: CacheTtl = 0
    cache_scope: CacheScope = "principal"
    limits: Mapping[str, int] | None = None

    brings_schema: ClassVar[bool] = False
    run: Callable[..., Awaitable[Any]]

    def get_spec(self) -> dict[str, Any]:
        """Return `{name, description, parameters: JSON Schema}`."""
        raise NotImplementedError

    def definition(self) -> ToolDeclaration:
        """Return what the class attributes declare."""
        values = {name: getattr(self, name) for name in ToolDeclaration.__struct_fields__}
        return ToolDeclaration(**{**values, "description": self.description or None})
