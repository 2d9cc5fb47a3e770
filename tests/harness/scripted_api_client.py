"""An API client for the command line that answers from a script of frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """Yields the given streams in order, and records every request.

    `answers`: "METHOD path" -> what calls get, in order; the last answer stays. An exception is raised.
    """

    def __init__(
        self, *streams: Sequence[Step], status: str = "running", answers: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self._streams = list(streams)
        self._status = status
        self._answers = {name: list(given) for name, given in (answers or {}).items()}

    def call(self, method: str, path: str, body: object = None) -> Any:
        self.requests.append((method, path, body))
        if path.endswith("/cancel") and self._status == "ended":
            raise StateError("it has ended")
        given = self._answers.get(f"{method} {path}")
        if not given:
            return {"status": self._status}
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def asked(self, *methods: str) -> list[str]:
        """Return the requests with these methods, as "METHOD path"."""
        return [f"{method} {path}" for method, path, _ in self.requests if method in methods]

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        self.requests.append((method, path, body))
        for step in self._streams.pop(0):
            if isinstance(step, BaseException):
                raise step
            yield step


def described(status: str = "finished", run_id: str = "r1", **more: Any) -> dict[str, Any]:
    """A run, as GET /runs/{id} describes it."""
    usage = {"input_tokens": 10, "output_tokens": 2, "cached_tokens": 0, "cost_usd": None}
    run = {"run_id": run_id, "thread_id": "t1", "status": status, "approvals": [], "usage": usage, "last_seq": 3}
    return {**run, "waiting_reason": None, **more}


GONE = ServiceUnavailableError("gone")
