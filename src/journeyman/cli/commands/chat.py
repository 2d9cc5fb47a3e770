"""`journeyman chat`: a conversation with an agent on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated

import msgspec
import typer

from journeyman.agents.raised_limits import check_new_limit
from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.cli.client.connect import connect
from journeyman.cli.client.follow_run import END_FRAMES, StreamFollower
from journeyman.cli.exit_codes import FAILED, WAITING
from journeyman.cli.output import AgentPath, CommandOutput, Offline, Url
from journeyman.cli.transcript import Transcript, question_text
from journeyman.errors import BaseError, StateError, ValidationError
from journeyman.events.events import AskedLimit
from journeyman.events.messages import JSON
from journeyman.settings import Settings


def chat(
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name, needed if there are several.")] = None,
    thread: Annotated[str | None, typer.Option(help="Continue this thread.")] = None,
    offline: Offline = False,
    url: Url = None,
) -> None:
    """Talk with an agent. Replies stream, tool calls are shown, and you are asked for approvals.

    Ctrl-C cancels the reply, Ctrl-D or /quit ends the chat, and /new begins another thread. Without a terminal, each
    line of the input is one message, and a run that needs an approval ends the command with exit code 6.
    """
    if terminal := sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 - gives `input` a history and line editing
    with connect(Settings.read(agent_path=path), url, offline=offline, needs_agent=True) as client:
        conversation = Chat(client, CommandOutput(), agent, thread, ask=input if terminal else None)
        for line in _lines(conversation, terminal):
            conversation.say(line)
            if not terminal and conversation.status != "finished":
                raise typer.Exit(WAITING if conversation.status == "paused" else FAILED)


def _lines(conversation: Chat, terminal: bool) -> Iterator[str]:
    """Yield the user's messages until the end of the input. Handles /quit and /new."""
    while True:
        try:
            line = (input("> ") if terminal else next(sys.stdin)).strip()
        except (EOFError, StopIteration, KeyboardInterrupt):
            return
        if line == "/quit":
            return
        if line == "/new":
            conversation.begin_thread()
        elif line:
            yield line


class Chat:
    """One conversation. `status` is that of its last run; `ask` asks the human a question, None if there is none."""

    def __init__(
        self,
        client: ApiClient,
        output: CommandOutput,
        agent: str | None,
        thread_id: str | None,
        ask: Callable[[str], str] | None = None,
    ) -> None:
        self.status = "finished"
        self._client = client
        self._output = output
        self._agent = agent
        self._thread_id = thread_id
        self._ask = ask

    def begin_thread(self) -> None:
        """Let the next message begin another thread."""
        self._thread_id = None

    def say(self, text: str) -> None:
        """Send a message and show the run to its end. An error is printed, so that the conversation can continue."""
        body = {"user_input": text, "agent": self._agent, "thread_id": self._thread_id}
        follower, transcript = StreamFollower(self._client), Transcript(self._output)
        self.status = "failed"
        try:
            self._show(follower, transcript, follower.start({key: value for key, value in body.items() if value}))
            while transcript.status == "paused" and self._ask is not None:
                self._answer(follower, transcript, self._ask)
            self.status = transcript.status
        except BaseError as exc:
            self._output.write(self._output.paint(f"error: {exc.message}", "red") + "\n")
        self._thread_id = follower.thread_id or self._thread_id

    def _show(self, follower: StreamFollower, transcript: Transcript, frames: Iterator[Frame]) -> None:
        """Print the frames. Ctrl-C cancels the run and prints how it ends."""
        try:
            for frame in frames:
                transcript.show(frame)
        except KeyboardInterrupt:
            frames.close()  # type: ignore[attr-defined]
            if follower.run_id is None:
                self._output.line("interrupted")
                return
            self._cancel(follower)
            for frame in follower.rejoin():
                transcript.show(frame)
                if frame.type in END_FRAMES:
                    break

    def _cancel(self, follower: StreamFollower) -> None:
        with suppress(StateError):  # the run has ended in the meantime
            self._client.call("POST", f"/runs/{follower.run_id}/cancel", {})

    def _answer(self, follower: StreamFollower, transcript: Transcript, ask: Callable[[str], str]) -> None:
        """Ask the human about each open approval, send all answers in one request, and show the rest of the run."""
        answers = []
        for approval in list(transcript.approvals.values()):
            decision = _ask_decision(ask, question_text(approval), list(approval["decisions"]))
            answer = {"approval": approval["approval"], "decision": decision}
            if decision == "approve" and (limit := approval.get("limit")) is not None:
                answer["arguments"] = _ask_limit(ask, msgspec.convert(limit, AskedLimit))
            if decision == "done":
                answer["result"] = ask(
                    "your answer: " if approval["kind"] == "question" else "the result of the call: "
                )
            answers.append(answer)
        transcript.resume()
        self._client.call("POST", f"/runs/{follower.run_id}/resume", {"answers": answers})
        self._show(follower, transcript, follower.rejoin())


def _ask_limit(ask: Callable[[str], str], asked: AskedLimit) -> dict[str, JSON]:
    """Ask until the answer is a value that the limit may get, and return it. An empty answer is the highest value."""
    lowest, highest = f"{asked.value:.12g}", f"{asked.up_to:.12g}"
    while True:
        text = ask(f"the new limit (more than {lowest}, at most {highest}; nothing means {highest}): ").strip()
        with suppress(msgspec.DecodeError, ValidationError):
            arguments: dict[str, JSON] = {asked.name: msgspec.json.decode(text or highest)}
            check_new_limit(asked, arguments)
            return arguments


def _ask_decision(ask: Callable[[str], str], question: str, decisions: list[str]) -> str:
    """Ask until the answer is the beginning of exactly one decision, and return that decision."""
    while True:
        answer = ask(f"{question} [{'/'.join(decisions)}] ").strip().lower()
        matching = [decision for decision in decisions if answer and decision.startswith(answer)]
        if len(matching) == 1:
            return matching[0]
