"""`journeyman chat`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer

from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.cli.client.connect import connect
from journeyman.cli.client.follow_run import ENDS, StreamFollower
from journeyman.cli.exit_codes import FAILED, WAITING
from journeyman.cli.output import AgentPath, CommandOutput, Offline, Url
from journeyman.cli.transcript import Transcript
from journeyman.errors import BaseError, StateError
from journeyman.settings import Settings


def chat(
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="Which agent, if there are several.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread.")] = None,
    offline: Offline = False,
    url: Url = None,
) -> None:
    """Talk with an agent: replies stream, tool calls are shown, approvals are asked.

    Ctrl-C cancels the reply; Ctrl-D or /quit leaves; /new begins another thread. Without a terminal each line of
    the input is one message, and a run that needs an approval ends the command with exit code 6.
    """
    if terminal := sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 - gives `input` its history and keys
    with connect(Settings.read(agent_path=path), url, offline=offline) as way:
        talk = Chat(way, CommandOutput(), agent, thread, ask=input if terminal else None)
        for line in _lines(talk, terminal):
            talk.say(line)
            if not terminal and talk.status != "finished":
                raise typer.Exit(WAITING if talk.status == "paused" else FAILED)


def _lines(talk: Chat, terminal: bool) -> Iterator[str]:
    """What the human says, until the end of the input."""
    while True:
        try:
            line = (input("> ") if terminal else next(sys.stdin)).strip()
        except (EOFError, StopIteration, KeyboardInterrupt):
            return
        if line == "/quit":
            return
        if line == "/new":
            talk.thread_id = None
        elif line:
            yield line


class Chat:
    """One conversation. `ask` puts a question to a human; None: there is nobody to ask."""

    def __init__(
        self, way: ApiClient, output: CommandOutput, agent: str | None, thread_id: str | None, ask: Any = None
    ) -> None:
        self.thread_id = thread_id
        self.status = "finished"
        self._way = way
        self._output = output
        self._agent = agent
        self._ask = ask

    def say(self, text: str) -> None:
        """One turn, to its end. An error is shown, and the conversation goes on."""
        body = {"user_input": text, "agent": self._agent, "thread_id": self.thread_id}
        following, transcript = StreamFollower(self._way), Transcript(self._output)
        try:
            self._show(following, transcript, following.start({key: value for key, value in body.items() if value}))
            while transcript.status == "paused" and self._ask is not None:
                self._answer(following, transcript)
        except BaseError as exc:
            transcript.status = "failed"
            self._output.write(self._output.paint(f"error: {exc.message}", "red") + "\n")
        self.thread_id = following.thread_id or self.thread_id
        self.status = transcript.status

    def _show(self, following: StreamFollower, transcript: Transcript, frames: Iterator[Frame]) -> None:
        """Frame by frame; Ctrl-C asks the server to cancel, and shows how that ends."""
        try:
            for frame in frames:
                transcript.show(frame)
        except KeyboardInterrupt:
            frames.close()  # type: ignore[attr-defined]
            if following.run_id is None:
                self._output.line("interrupted")
                return
            self._cancel(following)
            for frame in following.rejoin():
                transcript.show(frame)
                if frame.type in ENDS:
                    break

    def _cancel(self, following: StreamFollower) -> None:
        try:
            self._way.call("POST", f"/runs/{following.run_id}/cancel", {})
        except StateError:
            return  # it ended meanwhile

    def _answer(self, following: StreamFollower, transcript: Transcript) -> None:
        """Ask for each open approval, send the answers together, and follow on."""
        answers = []
        for approval in list(transcript.approvals.values()):
            decisions = list(approval["decisions"])
            answer = {"approval": approval["approval"], "decision": self._decision(transcript.ask(approval), decisions)}
            if answer["decision"] == "done":
                asked = "your answer: " if approval["kind"] == "question" else "what was its result? "
                answer["result"] = self._ask(asked)
            answers.append(answer)
        transcript.status = "running"
        self._way.call("POST", f"/runs/{following.run_id}/resume", {"answers": answers})
        self._show(following, transcript, following.rejoin())

    def _decision(self, question: str, decisions: list[str]) -> str:
        while True:
            said = self._ask(f"{question} [{'/'.join(decisions)}] ").strip().lower()
            fitting = [decision for decision in decisions if said and decision.startswith(said)]
            if len(fitting) == 1:
                return fitting[0]
