"""What tests give to the parts that execute a tool call: a run that remembers, and a request."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.registry import RegisteredTool
from journeyman.tools.spec import CallRequest, Question, Unanswered


class RecordingHost:
    """A run that remembers what a call asked of it."""

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.shown: list[str | float] = []
        self.questions: list[Question] = []
        self.answers: dict[str, str] = {}
        self.patches: list[tuple[str, dict[str, Any]]] = []

    async def starting(self, attempt: int) -> None:
        self.attempts.append(attempt)

    def progress(self, value: str | float) -> None:
        self.shown.append(value)

    async def change_context(self, scope: str, patch: dict[str, Any]) -> None:
        self.patches.append((scope, patch))

    async def ask(self, question: Question) -> str:
        self.questions.append(question)
        if question.text not in self.answers:
            raise Unanswered
        return self.answers[question.text]


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()


@pytest.fixture(scope="session")
def request_for():
    def make(tool: RegisteredTool, arguments: dict[str, Any] | None = None, **facts: Any) -> CallRequest:
        given = {
            "call": "m1.0",
            "run_id": "run_1",
            "thread_id": "t",
            "principal": "local",
            "idempotency_key": "key_1",
        }
        return CallRequest(spec=tool.spec, arguments=arguments or {}, **(given | facts))

    return make
