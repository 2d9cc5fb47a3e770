"""The tools of one agent as its decisions use them: specs, argument checks and approval conditions. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from journeyman.errors import BaseError, ToolError
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.model_request import ToolDefinition
from journeyman.events.server_context import readable_contexts
from journeyman.tools.schema.defaults import defaults_of, may_have_defaults, with_all_defaults
from journeyman.tools.spec import ToolSpec

HASH_VERSION = 2  # of arguments with their defaults
Arguments = str | dict[str, JSON]


class ApprovalCondition(Protocol):
    """A compiled `approval:` condition."""

    def holds(self, values: Mapping[str, JSON]) -> bool:
        """Return whether the condition is true. Raises BaseError if it cannot be evaluated with these values."""
        ...


class Toolset:
    """The tools of one agent.

    `check` validates the arguments of a call; `conditions` holds the approval of each tool that has a CEL condition.
    """

    def __init__(
        self,
        specs: Sequence[ToolSpec],
        check: Callable[[str, Arguments], dict[str, JSON]],
        conditions: Mapping[str, ApprovalCondition] | None = None,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._check = check
        self._conditions = conditions or {}
        self._sensitive = {spec.name: spec.sensitive for spec in specs if spec.sensitive}
        self.definitions = tuple(ToolDefinition(spec.name, spec.description, spec.parameters) for spec in specs)

    def get(self, name: str) -> ToolSpec | None:
        """Return the tool of this name, or None."""
        return self._specs.get(name)

    def mark_sensitive(self, message: Message) -> Message:
        """Return the reply with the names of sensitive arguments in each call, to be redacted wherever it is shown."""
        if not self._sensitive or not any(call.name in self._sensitive for call in message.tool_calls):
            return message
        replace, sensitive = msgspec.structs.replace, self._sensitive
        calls = (replace(call, hidden=sensitive.get(call.name, ())) for call in message.tool_calls)
        return replace(message, tool_calls=tuple(calls))

    def check(self, name: str, arguments: Arguments) -> dict[str, JSON]:
        """Return the arguments as an object that fits the tool. Raises ToolError (`invalid_arguments`)."""
        return self._check(name, arguments)

    def needs_approval(
        self, spec: ToolSpec, arguments: dict[str, JSON], state: AgentState, given: Arguments | None = None
    ) -> bool:
        """Return whether a human must be asked first. A condition that cannot be evaluated counts as yes.

        It is evaluated with every default of the schema filled in; and if arguments were left out in what the model
        has `given`, without them too, so that a condition may ask whether there is one. None: `arguments` are all.
        """
        when = spec.policy.approval.when
        if when in ("never", "always"):
            return when == "always"
        condition = self._conditions.get(spec.name)
        if condition is None:
            return True
        context = readable_contexts(state.thread_context, state.global_context)
        values: dict[str, Any] = {
            "args": arguments,
            "context": context,
            "tool": spec.name,
            "principal": state.principal,
        }
        try:
            if condition.holds({**values, "args": with_all_defaults(arguments, spec.parameters)}):
                return True
        except BaseError:
            return True
        written = _written(spec, arguments, given)
        return len(written) < len(arguments) and _holds(condition, {**values, "args": written})


def shown_arguments(spec: ToolSpec, arguments: dict[str, JSON]) -> dict[str, JSON]:
    """Return the arguments as a human is shown them: with every default of the schema, also in objects within them."""
    try:
        return with_all_defaults(arguments, spec.parameters)
    except ToolError:
        return arguments


def _written(spec: ToolSpec, arguments: dict[str, JSON], given: Arguments | None) -> dict[str, JSON]:
    """Return those of the checked arguments that the model wrote."""
    if given is None or not defaults_of(spec.parameters):
        return arguments
    names = given if isinstance(given, dict) else msgspec.json.decode(given.strip() or "{}") or {}
    return {name: value for name, value in arguments.items() if name in names}


def _holds(condition: ApprovalCondition, values: Mapping[str, JSON]) -> bool:
    """Return whether a condition is true; if it cannot be evaluated, it is not."""
    try:
        return condition.holds(values)
    except BaseError:
        return False


def arguments_hash(spec: ToolSpec, arguments: dict[str, JSON]) -> str:
    """Return what an approval is given for: a hash of the code, a dot, and a hash of the arguments.

    Where the schema has defaults, which are among the arguments, a version stands before the latter. Approvals of
    earlier releases have none there; they stay valid, since the hash of the code decides.
    """
    canonical = msgspec.json.encode((spec.name, arguments), order="deterministic")
    version = f"{HASH_VERSION}:" if may_have_defaults(spec.parameters) else ""
    return f"{spec.code_hash}.{version}{hashlib.sha256(canonical).hexdigest()[:32]}"
