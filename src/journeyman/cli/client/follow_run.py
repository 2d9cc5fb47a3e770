"""Following one run to its end or its next pause, across lost connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.errors import ServiceUnavailableError
from journeyman.events.streams import ThreadRef

ENDS = frozenset({"run_finished", "run_failed", "run_cancelled"})
TRIES = 60
PAUSE_SECONDS = 0.5


class StreamFollower:
    """A run that is followed: which one, on which thread, and the last seq seen of it."""

    def __init__(self, door: ApiClient, sleep: Callable[[float], None] = time.sleep) -> None:
        self.run_id: str | None = None
        self.thread_id: str | None = None
        self.last = 0
        self._door = door
        self._sleep = sleep

    def start(self, body: object) -> Iterator[Frame]:
        """POST /process, streamed, then `frames`. Raises what the door raises until the run is known."""
        return self._rejoined(self._door.stream("POST", "/process", body))

    def rejoin(self, run_id: str | None = None, after: int | None = None) -> Iterator[Frame]:
        """A run from `after` on; without them, the one that was followed, from where it was left."""
        self.run_id = run_id or self.run_id
        self.last = self.last if after is None else after
        return self._rejoined(self._stored())

    def _rejoined(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        failures = 0
        while True:
            quiet = True
            try:
                for frame in frames:
                    failures, quiet = 0, False
                    self._note(frame)
                    if frame.type == "reconnect":
                        break
                    yield frame
                    if frame.type in ENDS or frame.type == "run_paused":
                        return
                if quiet and self._over():
                    return
            except ServiceUnavailableError:
                if self.run_id is None or failures >= TRIES:
                    raise
            failures += 1
            if failures > TRIES:
                raise ServiceUnavailableError(f"The stream of run {self.run_id} ends again and again: try later")
            self._sleep(PAUSE_SECONDS)
            frames = self._stored()

    def _stored(self) -> Iterator[Frame]:
        return self._door.stream("GET", f"/runs/{quote(self.run_id or '', safe='')}/events?after={self.last}")

    def _over(self) -> bool:
        """A stream without a frame: is the run past what was seen of it already?"""
        status = self._door.call("GET", f"/runs/{quote(self.run_id or '', safe='')}")["status"]
        return status not in ("queued", "running")

    def _note(self, frame: Frame) -> None:
        if frame.seq is None:
            return
        self.last = frame.seq
        self.run_id = frame.data["run_id"]
        if frame.type == "run_accepted":
            self.thread_id = ThreadRef.parse(frame.data["data"]["thread"]).id
