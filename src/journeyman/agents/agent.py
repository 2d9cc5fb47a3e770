"""BaseAgent: what every agent type shares (prompt, request, window); a type brings its own `decide`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from journeyman.agents.decision import Action, NodeWork
from journeyman.agents.history_window import context_window
from journeyman.agents.spec import AgentSpec
from journeyman.agents.toolset import Toolset
from journeyman.errors import ConfigurationError
from journeyman.events.events import Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message, system
from journeyman.events.model_request import ModelRequest

OutputCheck = Callable[[str], str | None]  # None: it fits; else what does not


class InProcessRunner(Protocol):
    """Runs an agent in this process. Given to agents by whoever builds them."""

    async def run(self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None) -> Any: ...

    def stream(
        self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None
    ) -> AsyncIterator[Any]: ...

    async def aclose(self) -> None: ...


class BaseAgent(ABC):
    """An agent: a frozen definition, its tools, and a pure `decide`.

    Derive from it for a new type and register it by `AgentFactory.register_type(name, cls)`.
    """

    type = "agent"

    def __init__(
        self,
        spec: AgentSpec,
        tools: Toolset,
        render: Callable[[AgentState], str],
        check_output: OutputCheck | None = None,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.version = spec.version
        self.tools = tools
        self._render = render
        self._check_output = check_output
        self._launcher: InProcessRunner | None = None
        self.model = spec.model.name  # as the model client knows it: a script's file by its full path

    def bind(self, launcher: InProcessRunner) -> None:
        """Give the agent a runtime, so that `run` and `stream` work."""
        self._launcher = launcher

    async def run(self, text: str, *, thread_id: str | None = None, context: dict[str, JSON] | None = None) -> Any:
        """Run to the end, or until it waits for a human; a `RunResult` (`.response`, `.status`, `.run_id`, …)."""
        return await self._bound().run(self, text, thread_id, context)

    def stream(
        self, text: str, *, thread_id: str | None = None, context: dict[str, JSON] | None = None
    ) -> AsyncIterator[Any]:
        """Run, yielding stored events and live deltas as they come."""
        return self._bound().stream(self, text, thread_id, context)

    async def aclose(self) -> None:
        """Close the agent's own runtime, if it has one."""
        if self._launcher is not None:
            await self._launcher.aclose()

    def _bound(self) -> InProcessRunner:
        if self._launcher is None:
            raise ConfigurationError("This agent has no runtime: make it with `await AgentFactory(…).create_agent()`.")
        return self._launcher

    @abstractmethod
    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Every action that may start now and is not open yet. Pure."""

    def prompt(self, state: AgentState) -> str:
        """The system prompt, from the state as it was when the run started. Raises BaseError (`prompt_error`)."""
        return self._render(state)

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """The first stored message that the call sees, and what to send: prompt, window, tools, settings."""
        first_no, messages = context_window(state, self.spec.history)
        model, output = self.spec.model, self.spec.output
        return first_no, ModelRequest(
            model=self.model,
            messages=_with_prompt(prompt, messages),
            tools=self.tools.definitions,
            temperature=model.temperature,
            max_tokens=model.max_tokens,
            response_schema=output.schema if output else None,
            extra=model.extra,
            timeout_seconds=model.timeout_seconds,
            fallbacks=model.fallbacks,
        )

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        """As `request`, for a CallModel whose `path` names a node: by what that node's branch sees."""
        view = state.in_branch(path.branch)
        return self.request(view, self.prompt(view))

    def node_work(self, path: Path) -> NodeWork:
        """The code of the node at `path`, for a RunNode. Raises ConfigurationError: the type has none."""
        raise ConfigurationError(f"The node {path.node} has no code to run.")


def _with_prompt(prompt: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return (system(prompt), *messages) if prompt else messages
