"""The tools of one agent, as its decisions see them: specs, argument checks and approval conditions. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from journeyman.errors import BaseError
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.model_request import ToolDefinition
from journeyman.tools.spec import ToolSpec

Arguments = str | dict[str, JSON]


class ApprovalCondition(Protocol):
    """A compiled `approval:` condition."""

    def holds(self, values: Mapping[str, JSON]) -> bool:
        """Raises BaseError when it cannot be evaluated on these values."""
        ...


class Toolset:
    """`check` validates arguments (ToolValidationError); `conditions` has one entry a tool with a CEL approval."""

    def __init__(
        self,
        specs: Sequence[ToolSpec],
        check: Callable[[str, Arguments], dict[str, JSON]],
        conditions: Mapping[str, ApprovalCondition] | None = None,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._check = check
        self._conditions = conditions or {}
        self._hidden = {spec.name: spec.sensitive for spec in specs if spec.sensitive}
        self.definitions = tuple(ToolDefinition(spec.name, spec.description, spec.parameters) for spec in specs)

    def get(self, name: str) -> ToolSpec | None:
        return self._specs.get(name)

    def veil(self, message: Message) -> Message:
        """The reply, with the names of the arguments beside each call that people are not to be shown."""
        if not self._hidden or not any(call.name in self._hidden for call in message.tool_calls):
            return message
        calls = (msgspec.structs.replace(call, hidden=self._hidden.get(call.name, ())) for call in message.tool_calls)
        return msgspec.structs.replace(message, tool_calls=tuple(calls))

    def check(self, name: str, arguments: Arguments) -> dict[str, JSON]:
        """The arguments as an object that fits the tool. Raises ToolError (`invalid_arguments`)."""
        return self._check(name, arguments)

    def needs_approval(self, spec: ToolSpec, arguments: dict[str, JSON], state: AgentState) -> bool:
        """A condition that cannot be evaluated means: ask."""
        when = spec.policy.approval.when
        if when in ("never", "always"):
            return when == "always"
        condition = self._conditions.get(spec.name)
        if condition is None:
            return True
        context = {"thread": state.thread_context, "global": state.global_context}
        values = {"args": arguments, "context": context, "tool": spec.name, "principal": state.principal}
        try:
            return condition.holds(values)
        except BaseError:
            return True


def arguments_hash(spec: ToolSpec, arguments: dict[str, JSON]) -> str:
    """What an approval is given for: the tool's code and these arguments. `code.arguments`, each a hash."""
    canonical = msgspec.json.encode((spec.name, arguments), order="deterministic")
    return f"{spec.code_hash}.{hashlib.sha256(canonical).hexdigest()[:32]}"
