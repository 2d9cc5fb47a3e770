"""NodeContext: the public API for the code of graph nodes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from journeyman.events.events import Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.tools.authoring.context import Context

_log = logging.getLogger("journeyman.node")

T = TypeVar("T")


class Answer(NamedTuple):
    """What a node returns to end the run with an answer. Made by `NodeContext.answer`."""

    text: str


class NodeHost(Protocol):
    """What a node's code may ask of its run. Implemented by `NodeCalls`, which documents the methods."""

    async def call_model(self, text: str | Sequence[Message], system: str) -> Message: ...

    async def call_tool(self, name: str, arguments: dict[str, JSON]) -> str: ...

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON: ...

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None: ...

    def progress(self, value: str | float) -> None: ...


class NodeContext:
    """The argument of a node's `async def`.

    The code of a node that was interrupted runs again from its start. Calls that it finished, changes of contexts that
    it made and values that it remembered are not repeated: they return what they returned the first time. So the code
    must make its calls in the same order each time, and use `remember` for all that may differ, such as the time, a
    random number or a file.
    """

    def __init__(self, path: Path, attempt: int, config: dict[str, JSON], state: AgentState, host: NodeHost) -> None:
        self.node = path.node
        self.visit = path.visit  # counts the visits of this node in its run, from 1
        self.attempt = attempt  # counts the attempts of this visit, from 1; crashes count
        self.config = config  # the node's `config` in the agent file
        self.state = state  # of the node's branch, as it was when the node began: read-only
        self._host = host
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """The contexts of the thread and the principal. Change them by `await context.patch(thread=…, global_=…)`."""
        if self._context is None:
            self._context = Context(self.state, self._host)
        return self._context

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.state.run_id

    @property
    def thread_id(self) -> str:
        """The id of the run's thread."""
        return self.state.thread_id

    @property
    def principal(self) -> str:
        """The caller of the run; `local` if authentication is off."""
        return self.state.principal

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that the branch sees: the thread's history, then those of the run."""
        return (*self.state.history, *self.state.messages)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A standard logger whose records carry the run and the node."""
        return logging.LoggerAdapter(_log, {"run_id": self.run_id, "node": self.node})

    def answer(self, text: str) -> Answer:
        """Return what the code returns to end the run with this answer: `return ctx.answer("It is sold out.")`.

        Raises ValueError if the text is empty or only white space.
        """
        if not text.strip():
            raise ValueError("An answer needs some text.")
        return Answer(text)

    async def call_model(self, text: str | Sequence[Message], *, system: str = "") -> str:
        """Ask the agent's model and return its text. The reply does not become part of the conversation.

        Raises ServiceError if the model cannot be reached or refuses.
        """
        return (await self._host.call_model(text, system)).text

    async def call_tool(self, name: str, arguments: dict[str, JSON] | None = None) -> str:
        """Call one of the agent's tools by its policy. Returns the text that a model would read.

        If a human must be asked, the code ends here and runs again from its start after the answer.
        Raises ToolError with the code of the call's failure.
        """
        return await self._host.call_tool(name, arguments or {})

    async def remember(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        """Return the value that `make()` gave first in this visit of the node. It is durable on return.

        The value is JSON data of at most 64 KiB.
        """
        return await self._host.remember(name, make)

    async def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to those who watch the run. It is not stored."""
        self._host.progress(value)
