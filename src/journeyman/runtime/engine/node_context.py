"""What a node's code may ask of its run: the public face of a running node."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, TypeVar

from journeyman.events.events import Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.tools.authoring.context import Context

_log = logging.getLogger("journeyman.node")

T = TypeVar("T")


class NodeHost(Protocol):
    """What a running node gives its code. Implemented by the runtime."""

    async def call_model(self, text: str | Sequence[Message], system: str) -> Message: ...

    async def call_tool(self, name: str, arguments: dict[str, JSON]) -> str: ...

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON: ...

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None: ...

    def progress(self, value: str | float) -> None: ...


class NodeContext:
    """Given to the `async def` of a node.

    A node that is killed in the middle runs again from its top: the calls that it finished, the changes of contexts
    that it made, and what it remembered give what they gave then, without being done again. So its code must make
    its calls in the same order each time; whatever may differ (time, chance, a file) goes through `remember`.
    """

    def __init__(self, path: Path, attempt: int, config: dict[str, JSON], state: AgentState, host: NodeHost) -> None:
        self.node = path.node
        self.visit = path.visit  # the how-manieth of this node in its run, from 1
        self.attempt = attempt  # the how-manieth of this visit, from 1; crashes count
        self.config = config  # the node's `config` in the agent file
        self.state = state  # of its branch, as it was when the node began: read-only
        self._host = host
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """Thread and global context: read, and `await context.patch(thread=…, global_=…)`."""
        if self._context is None:
            self._context = Context(self.state, self._host)
        return self._context

    @property
    def run_id(self) -> str:
        return self.state.run_id

    @property
    def thread_id(self) -> str:
        return self.state.thread_id

    @property
    def principal(self) -> str:
        """Who is calling; `local` where authentication is off."""
        return self.state.principal

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the branch sees: the thread's history, then the run's own messages."""
        return (*self.state.history, *self.state.messages)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A standard logger whose records carry the run and the node."""
        return logging.LoggerAdapter(_log, {"run_id": self.run_id, "node": self.node})

    async def call_model(self, text: str | Sequence[Message], *, system: str = "") -> str:
        """Ask the agent's model, with a text or messages of your own; its reply is no part of the conversation.

        Raises ServiceError.
        """
        return (await self._host.call_model(text, system)).text

    async def call_tool(self, name: str, arguments: dict[str, JSON] | None = None) -> str:
        """Call one of the agent's tools, by its policy: approval, effects, retries. The text that a model would read.

        Raises ToolError with the code of the failure. Where a human must be asked, the code ends here and runs again
        from its top after the answer.
        """
        return await self._host.call_tool(name, arguments or {})

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        """The value that `make()` gave the first time, in this visit of the node; durable when this returns.

        It is plain JSON data, of at most 64 KiB.
        """
        return await self._host.remember(name, make)

    async def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to whoever watches the run; never stored."""
        self._host.progress(value)
