"""BaseAgent: what every agent type shares (prompt, request, window); a type brings its own `decide`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from journeyman.agents.decision import Action
from journeyman.agents.spec import AgentSpec
from journeyman.agents.toolset import Toolset
from journeyman.agents.window import window
from journeyman.events.messages import Message, system
from journeyman.events.state import AgentState
from journeyman.llm.client import ModelRequest

OutputCheck = Callable[[str], str | None]  # None: it fits; else what does not


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

    @abstractmethod
    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Every action that may start now and is not open yet. Pure."""

    def prompt(self, state: AgentState) -> str:
        """The system prompt, from the state as it was when the run started. Raises BaseError (`prompt_error`)."""
        return self._render(state)

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """The first stored message that the call sees, and what to send: prompt, window, tools, settings."""
        first_no, messages = window(state, self.spec.history)
        model, output = self.spec.model, self.spec.output
        return first_no, ModelRequest(
            model=model.name,
            messages=_with_prompt(prompt, messages),
            tools=self.tools.definitions,
            temperature=model.temperature,
            max_tokens=model.max_tokens,
            response_schema=output.schema if output else None,
            extra=model.extra,
            timeout_seconds=model.timeout_seconds,
        )


def _with_prompt(prompt: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return (system(prompt), *messages) if prompt else messages
