"""BaseAgent: what every agent type shares. A type adds its own `decide`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from journeyman.agents.decision import Action, NodeWork
from journeyman.agents.history_window import context_window
from journeyman.agents.model_request import model_request
from journeyman.agents.output import json_of
from journeyman.agents.spec import AgentSpec
from journeyman.agents.toolset import Toolset
from journeyman.errors import ConfigurationError
from journeyman.events.events import Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.model_request import ModelRequest

OutputCheck = Callable[[str], str | None]  # returns what does not fit the output schema; None: the reply fits


class InProcessRunner(Protocol):
    """A runtime that runs agents in this process."""

    async def run(self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None) -> Any:
        """Run the agent until it ends or waits for a human, and return the result."""
        ...

    def stream(
        self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None
    ) -> AsyncIterator[Any]:
        """Run the agent and yield its stored events and live deltas."""
        ...

    async def aclose(self) -> None:
        """Close the runtime. May be called twice."""
        ...


class BaseAgent(ABC):
    """An agent: a frozen definition, its tools, and a pure `decide`.

    For a new type, derive from this class and register it with `AgentFactory.register_type(name, cls)`.
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
        self._runner: InProcessRunner | None = None
        self.model = spec.model.name  # as the model client knows it: a script has its full path

    def bind(self, runner: InProcessRunner) -> None:
        """Give the agent a runtime, which `run` and `stream` need."""
        self._runner = runner

    async def run(self, text: str, *, thread_id: str | None = None, context: dict[str, JSON] | None = None) -> Any:
        """Run until the end, or until the run waits for a human. Returns a `RunResult` (`.response`, `.status`, …)."""
        return await self._bound().run(self, text, thread_id, context)

    def stream(
        self, text: str, *, thread_id: str | None = None, context: dict[str, JSON] | None = None
    ) -> AsyncIterator[Any]:
        """Run, and yield stored events and live deltas as they arrive."""
        return self._bound().stream(self, text, thread_id, context)

    async def aclose(self) -> None:
        """Close the runtime that was given by `bind`, if any."""
        if self._runner is not None:
            await self._runner.aclose()

    def _bound(self) -> InProcessRunner:
        if self._runner is None:
            raise ConfigurationError("This agent has no runtime: make it with `await AgentFactory(…).create_agent()`.")
        return self._runner

    @abstractmethod
    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Return every action that may start now and is not under way. Pure."""

    def prompt(self, state: AgentState) -> str:
        """Return the system prompt, rendered from the state at the start of the run. Raises PromptError."""
        return self._render(state)

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """Return the number of the first stored message that a model call sees now, and the request for it.

        The last call at a limit keeps the tools, which providers want beside calls in the messages, but may use none.
        """
        first_no, messages = context_window(state, self.spec.history)
        output, tools = self.spec.output, self.tools.definitions
        choice = "none" if state.answering and tools else None
        return first_no, model_request(
            self.spec.model, self.model, prompt, messages, tools=tools, tool_choice=choice, output=output
        )

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        """Return what `request` returns for the node at `path`: with the messages and the prompt of its branch."""
        view = state.in_branch(path.branch)
        return self.request(view, self.prompt(view))

    def _json_answer(self, text: str) -> str:
        """Return the answer in a reply: the JSON alone if the agent declares an `output`, else the text."""
        return json_of(text) if self.spec.output is not None and self.spec.output.mode else text

    def node_work(self, path: Path) -> NodeWork:
        """Return the code of the node at `path`, for a RunNode. Raises ConfigurationError if the type has no nodes."""
        raise ConfigurationError(f"The node {path.node} has no code to run.")
