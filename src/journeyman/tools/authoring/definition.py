"""The declaration of a tool in its code: the policy given to `@tool`, or by the attributes of a `BaseTool`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, TypedDict, get_args

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
        """Check the declaration. Raises ToolValidationError that names the first invalid value."""
        fault = self._fault()
        if fault:
            raise ToolValidationError(f"tool {self.name!r}: {fault}")

    def _fault(self) -> str | None:
        """Return a sentence about the first invalid value; None if all are valid."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            return "a tool's name is 1 to 64 letters, digits, _ or -"
        policy = self._fault_of_choices() or self._fault_of_numbers()
        return policy or self._fault_of_cache() or self._fault_of_permissions()

    def _fault_of_choices(self) -> str | None:
        for key, value, allowed in (
            ("effects", self.effects, get_args(Effects)),
            ("on_unknown", self.on_unknown, get_args(OnUnknown)),
            ("isolation", self.isolation, get_args(Isolation)),
            ("cache_scope", self.cache_scope, get_args(CacheScope)),
        ):
            if value is not None and value not in allowed:
                return f"{key} is one of {', '.join(allowed)}, not {value!r}"
        if not isinstance(self.approval, str) or not self.approval.strip():
            return "approval is never, always or a condition"
        return None

    def _fault_of_numbers(self) -> str | None:
        timeout = self.timeout_seconds
        if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < INFINITY):
            return "timeout_seconds is a number above 0"
        if self.retries is not None and (not isinstance(self.retries, int) or self.retries < 0):
            return "retries is 0 or more"
        if self.retries and self.effects not in ("none", "idempotent"):
            return "retries need effects none or idempotent: a call of effects once is never tried again"
        if not isinstance(self.output_cap, int) or self.output_cap < 1:
            return "output_cap is a number of characters above 0"
        return self._fault_of_limits()

    def _fault_of_limits(self) -> str | None:
        known = ProcessLimits.__struct_fields__
        if not isinstance(self.limits or {}, Mapping) or set(self.limits or {}) - set(known):
            return f"limits are a mapping of {', '.join(known)}"
        if not all(type(value) is int and 0 < value < _MOST for value in (self.limits or {}).values()):
            return "each of limits is a whole number above 0"
        return None

    def _fault_of_cache(self) -> str | None:
        ttl = self.cache_ttl
        if ttl != "default" and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 <= ttl < INFINITY):
            return "cache_ttl is a number of seconds, or default"
        if ttl != 0 and self.effects != "none":
            return "cache_ttl needs effects none: an answer from the cache does nothing"
        return None

    def _fault_of_permissions(self) -> str | None:
        try:
            self.allowed()
        except ValueError as exc:
            return str(exc)
        return None

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
