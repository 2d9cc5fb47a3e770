"""One conversation with an agent: sends messages on a thread, shows the runs, and asks the human what they ask."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from journeyman.cli.chat.human import Ask, ask_answer, confirm
from journeyman.cli.chat.usage import UsageTotal
from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.cli.client.follow_run import END_FRAMES, StreamFollower, waits_for_human
from journeyman.cli.screen import Screen
from journeyman.cli.transcript import Transcript
from journeyman.errors import BaseError, ForbiddenError, NotFoundError, StateError
from journeyman.ids import Ids, RandomIds

Run = dict[str, Any]  # as GET /runs/{id} describes it
LACKING = "lacking"  # the status of a run that waits for what its server lacks, and for no human


class Conversation:
    """The runs on one thread. Without `ask` there is no human, and what a run asks stays open.

    `status` is that of the last run, or LACKING. `run` is the last run, or None before the first.
    """

    def __init__(
        self,
        client: ApiClient,
        screen: Screen,
        agent: str | None = None,
        thread_id: str | None = None,
        ask: Ask | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.status = "finished"
        self.run: Run | None = None
        self.usage = UsageTotal()
        self.agent = agent
        self._interrupted = False
        self._client = client
        self._screen = screen
        self._ask = ask
        self._ids = ids or RandomIds()
        self._is_stored = thread_id is not None  # whether the thread may be known to the server
        self._newest_before: str | None = None  # the thread's newest run before the last message was sent
        self.thread_id = thread_id or self._ids.new("thread")

    def begin_thread(self) -> None:
        """Let the next message begin another thread."""
        self.thread_id, self._is_stored, self.run = self._ids.new("thread"), False, None

    def switch(self, thread_id: str) -> None:
        """Let the next message go to this thread."""
        self.thread_id, self._is_stored, self.run = thread_id, True, None

    def take_interrupt(self) -> bool:
        """Return whether Ctrl-C has interrupted a run since this was asked last."""
        interrupted, self._interrupted = self._interrupted, False
        return interrupted

    def say(self, text: str) -> None:
        """Send a message and show the run to its end, unless an earlier run of the thread waits and stays so.

        An error is shown, so that the conversation can continue. Raises LeftOpen if the human leaves a question open.
        """
        self.status = "failed"
        try:
            if not self._is_free():
                return
            self._newest_before = self._newest_run_id() if self._is_stored else None
            self._is_stored = True
            body = {"user_input": text, "agent": self.agent, "thread_id": self.thread_id}
            follower = StreamFollower(self._client)
            self._show(follower, follower.start({name: value for name, value in body.items() if value}))
            self._answer_questions(follower)
        except BaseError as exc:
            self._show_error(exc)

    def retry(self) -> None:
        """Retry the thread's last run, and show the new run from where it goes on."""
        try:
            if (failed := self._newest_run_id()) is None:
                self._screen.note("There is no run to retry: this thread has none.", "yellow")
                return
            retried = self._client.call("POST", f"/runs/{failed}/retry")
            self._screen.note(f"Run {retried['run_id']} goes on from before run {failed} failed.")
            self.usage.drop(failed)
            follower = StreamFollower(self._client)
            self._show(follower, _after_copies(follower.rejoin(retried["run_id"], 0)))
            self._answer_questions(follower)
        except BaseError as exc:
            self._show_error(exc)

    def cancel(self) -> None:
        """Cancel the thread's open run."""
        try:
            if (run := self.open_run()) is None:
                self._screen.note("No run of this thread is open.")
                return
            self._client.call("POST", f"/runs/{run['run_id']}/cancel", {})
            self.run, self.status = run, "cancelled"
            self._screen.note(f"Run {run['run_id']} is cancelled.", "yellow")
        except BaseError as exc:
            self._show_error(exc)

    def open_run(self) -> Run | None:
        """Return the thread's run that has not ended. None: there is none, or the thread is new."""
        thread = self.stored_thread()
        if thread is None or thread["active_run"] is None:
            return None
        return self._read(thread["active_run"])

    def stored_thread(self) -> dict[str, Any] | None:
        """Return the thread. None: the server does not know it, or the key may not read it."""
        if not self._is_stored:
            return None
        with suppress(NotFoundError, ForbiddenError):
            thread: dict[str, Any] = self._client.call("GET", f"/threads/{quote(self.thread_id, safe='')}")
            return thread
        return None

    def offer(self, run: Run) -> bool:
        """Ask whether to show what a paused run asks, and if so ask it. Returns whether the run has ended.

        Raises LeftOpen if the human leaves a question open.
        """
        assert self._ask is not None
        if not confirm(self._ask, f"Run {run['run_id']} waits for your approval: show it?"):
            return False
        follower = StreamFollower(self._client)
        follower.run_id, follower.last_seq, self.run = run["run_id"], run["last_seq"], run
        self.status = "paused"
        self._answer_questions(follower)
        return self.status not in ("paused", LACKING)

    # --- the parts of a turn

    def _is_free(self) -> bool:
        """Return whether the thread takes a message now. Waits for a run that is at work, and asks what one asks.

        The message is sent only then: behind a run that waits, it would wait in silence.
        """
        while (run := self.open_run()) is not None:
            self.run, self.status = run, _status_of(run)
            free = self._is_answered(run) if run["status"] == "paused" else self._has_rested(run)
            if not free:
                if self._ask is not None:
                    self._screen.note("Your message was not sent. /cancel cancels the run.", "yellow")
                return False
        return True

    def _is_answered(self, run: Run) -> bool:
        """Return whether a paused run has ended, because the human answered what it asks."""
        if self._ask is not None and run["approvals"]:
            return self.offer(run)
        if self._ask is not None:
            self._screen.note(waiting_sentence(run), "yellow")
        return False

    def _has_rested(self, run: Run) -> bool:
        """Show an earlier run of the thread until it ends or waits. Returns False if Ctrl-C ended that."""
        self._screen.note(f"Run {run['run_id']} of this thread is at work. Your message is sent after it.")
        self._screen.busy("waiting for the earlier run; Ctrl-C stops waiting")
        follower = StreamFollower(self._client)
        frames = follower.rejoin(run["run_id"], run["last_seq"])
        transcript = Transcript(self._screen)
        try:
            for frame in frames:
                transcript.show(frame)
                if frame.type == "run_paused":
                    break
        except KeyboardInterrupt:
            self._interrupted = True
            return False
        finally:
            _close(frames)
            self._screen.release()
        return True

    def _show(self, follower: StreamFollower, frames: Iterator[Frame]) -> None:
        """Show the frames, and read the run afterwards. Ctrl-C cancels the run and shows how it ends."""
        transcript = Transcript(self._screen)
        self._screen.busy("sending")
        try:
            self._show_until_rest(transcript, frames)
        except KeyboardInterrupt:
            self._interrupted = True
            _close(frames)
            self._cancel(transcript, follower)
        finally:
            self._screen.release()
        if follower.run_id is not None:
            self.run = self._described(follower.run_id, transcript)
            self.status = _status_of(self.run)
            self.usage.add(self.run)

    def _described(self, run_id: str, transcript: Transcript) -> Run:
        """Return the run as the server describes it, or as its events do if the key may not read runs."""
        told = list(transcript.approvals.values())
        with suppress(ForbiddenError):
            limits = {each["approval"]: each["limit"] for each in told if each.get("limit")}
            return self._read(run_id) | {"limits": limits}
        run = {"run_id": run_id, "thread_id": self.thread_id, "status": transcript.status, "approvals": told}
        return run | {"usage": {}, "limits": {each["approval"]: each.get("limit") for each in told}}

    def _show_until_rest(self, transcript: Transcript, frames: Iterator[Frame]) -> None:
        """Show frames to the end of the run, or until it waits for a human; without a human, until it waits."""
        for frame in frames:
            transcript.show(frame)
            if frame.type == "run_paused" and not waits_for_human(frame.data):
                if self._ask is None:
                    _close(frames)
                    return
                self._screen.note(waiting_sentence(self._read(frame.data["run_id"])), "yellow")
                self._screen.note("It goes on by itself once that is there. Ctrl-C cancels it.")
                self._screen.busy("waiting")

    def _cancel(self, transcript: Transcript, follower: StreamFollower) -> None:
        follower.run_id = follower.run_id or self._accepted_unseen()
        if follower.run_id is None:
            self._screen.note("interrupted", "yellow")
            return
        self._screen.busy("cancelling; Ctrl-C again leaves")
        with suppress(StateError):  # the run has ended in the meantime
            self._client.call("POST", f"/runs/{follower.run_id}/cancel", {})
        for frame in follower.rejoin():
            transcript.show(frame)
            if frame.type in END_FRAMES:
                break

    def _accepted_unseen(self) -> str | None:
        """Return the run that the server made of the last message before it could say so. None: there is none."""
        newest = self._newest_run_id()
        return None if newest == self._newest_before else newest

    def _answer_questions(self, follower: StreamFollower) -> None:
        """Ask what the run asks, send all answers in one request, and show the rest, until nothing is open."""
        while self._ask is not None and self.status == "paused" and self.run is not None:
            limits = self.run.get("limits", {})
            asked = [{**each, "limit": limits.get(each["approval"])} for each in self.run["approvals"]]
            answers = [ask_answer(self._ask, each) for each in asked]
            try:
                self._client.call("POST", f"/runs/{self.run['run_id']}/resume", {"answers": answers})
            except StateError as exc:
                if exc.code != "approval_closed":
                    raise
                self._screen.note(exc.message, "yellow")  # another answer was faster: show how the run went on
            self._show(follower, follower.rejoin())

    def _read(self, run_id: str) -> Run:
        run: Run = self._client.call("GET", f"/runs/{quote(run_id, safe='')}")
        return run

    def _newest_run_id(self) -> str | None:
        """Return the thread's newest run. None: the thread has none."""
        with suppress(NotFoundError, ForbiddenError):
            items = self._client.call("GET", f"/threads/{quote(self.thread_id, safe='')}/runs?limit=1")["items"]
            return str(items[0]["run_id"]) if items else None
        return None

    def _show_error(self, error: BaseError) -> None:
        self._screen.note(f"error: {error.message}", "red")


def waiting_sentence(run: Run) -> str:
    """Return what a paused run waits for, as a sentence."""
    if run.get("approvals"):
        return f"Run {run['run_id']} waits for your approval."
    return f"Run {run['run_id']} waits. {run.get('waiting_reason') or ''}".rstrip()


def _status_of(run: Run) -> str:
    return LACKING if run["status"] == "paused" and not run["approvals"] else str(run["status"])


def _after_copies(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield the frames of a retry without the events that it copied from the failed run."""
    copied = True
    for frame in frames:
        copied = copied and frame.type != "run_forked"
        if not copied:
            yield frame


def _close(frames: Iterator[Frame]) -> None:
    """End the request behind the frames now."""
    if isinstance(frames, Generator):
        frames.close()
