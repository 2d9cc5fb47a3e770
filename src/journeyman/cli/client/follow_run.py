"""Follows one run to its end or its next pause, across lost connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import quote

from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.errors import ServiceUnavailableError
from journeyman.events.streams import ThreadRef

END_FRAMES = frozenset({"run_finished", "run_failed", "run_cancelled"})
MAX_FAILURES = 60  # in a row
PAUSE_SECONDS = 0.5  # before the next attempt


class StreamFollower:
    """The event stream of one run. `run_id` and `thread_id` are None until the server has named them.

    `last_seq` is the seq of the last stored event that was received.
    """

    def __init__(self, client: ApiClient, sleep: Callable[[float], None] = time.sleep) -> None:
        self.run_id: str | None = None
        self.thread_id: str | None = None
        self.last_seq = 0
        self._client = client
        self._sleep = sleep

    def start(self, body: object) -> Iterator[Frame]:
        """Start a run with `POST /process` and yield its frames.

        Errors of the client are raised until the run's id is known; after that the stream is rejoined.
        """
        return self._follow(self._client.stream("POST", "/process", body))

    def rejoin(self, run_id: str | None = None, after: int | None = None) -> Generator[Frame]:
        """Yield the frames of a run after seq `after`. By default: the run followed so far, from the last event on."""
        self.run_id = run_id or self.run_id
        self.last_seq = self.last_seq if after is None else after
        return self._follow(self._stored_frames())

    def _follow(self, frames: Iterator[Frame]) -> Generator[Frame]:
        failures = 0
        while True:
            empty = True
            try:
                for frame in frames:
                    failures, empty = 0, False
                    self._remember(frame)
                    if frame.type == "reconnect":
                        break
                    yield frame
                    if frame.type in END_FRAMES or (frame.type == "run_paused" and waits_for_human(frame.data)):
                        return
                if empty and not self._is_active():
                    return
            except ServiceUnavailableError:
                if self.run_id is None or failures >= MAX_FAILURES:
                    raise
            failures += 1
            if failures > MAX_FAILURES:
                raise ServiceUnavailableError(
                    f"The stream of run {self.run_id} ended {failures} times without an event. Try again later."
                )
            self._sleep(PAUSE_SECONDS)
            frames = self._stored_frames()

    def _stored_frames(self) -> Iterator[Frame]:
        return self._client.stream("GET", f"/runs/{quote(self.run_id or '', safe='')}/events?after={self.last_seq}")

    def _is_active(self) -> bool:
        """Return whether the run is queued or running. If not, an empty stream means that there is nothing new."""
        status = self._client.call("GET", f"/runs/{quote(self.run_id or '', safe='')}")["status"]
        return status in ("queued", "running")

    def _remember(self, frame: Frame) -> None:
        if frame.seq is None:
            return
        self.last_seq = frame.seq
        self.run_id = frame.data["run_id"]
        if frame.type == "run_accepted":
            self.thread_id = ThreadRef.parse(frame.data["data"]["thread"]).id


def waits_for_human(data: dict[str, Any]) -> bool:
    """Return whether a run that pauses waits for a human, by the frame's data, and not for what its server lacks.

    A run that an operator holds waits for that operator.
    """
    paused = data["data"]
    lacks = paused.get("lacks")
    return bool(paused.get("waiting_for")) or not lacks or lacks["kind"] == "operator"
