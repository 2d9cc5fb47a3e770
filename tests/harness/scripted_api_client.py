"""An API client for the command line that answers from a script of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from journeyman.cli.client.api_client import Frame
from journeyman.errors import ServiceUnavailableError, StateError

Step = Frame | BaseException


def event(seq: int, type: str, **data: Any) -> Frame:
    return Frame(type, {"run_id": "r1", "seq": seq, "type": type, "data": data}, seq)


def delta(text: str, offset: int = 0) -> Frame:
    return Frame("delta", {"call": "m1", "attempt": 1, "offset": offset, "text": text})


ACCEPTED = event(1, "run_accepted", thread="local/t1")


REPLIED = event(4, "model_replied", message={"content": [{"type": "text", "text": "Hello you"}]})


FINISHED = event(5, "run_finished", output="Hello you")


class ScriptedApiClient:
    """Yields the given streams in order, and records every request."""

    def __init__(self, *streams: Sequence[Step], status: str = "running") -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self._streams = list(streams)
        self._status = status

    def call(self, method: str, path: str, body: object = None) -> Any:
        self.requests.append((method, path, body))
        if path.endswith("/cancel") and self._status == "ended":
            raise StateError("it has ended")
        return {"status": self._status}

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        self.requests.append((method, path, body))
        for step in self._streams.pop(0):
            if isinstance(step, BaseException):
                raise step
            yield step


GONE = ServiceUnavailableError("gone")
