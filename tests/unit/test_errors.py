"""The tree of errors: codes, texts and what each carries."""

from __future__ import annotations

import pytest

from journeyman.errors import (
    BaseError,
    ConfigurationError,
    NotFoundError,
    Problem,
    ServiceError,
    StateError,
    ToolExecutionError,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wrong"), "wrong"),
        (Problem("wrong", "agent.yaml"), "agent.yaml: wrong"),
        (Problem("wrong", "agent.yaml", 3, 7, "correct it"), "agent.yaml:3:7: wrong (correct it)"),
        (Problem("wrong", line=3, remedy="correct it"), "3: wrong (correct it)"),
    ],
)
def test_a_problem_as_text(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_the_message_of_a_configuration_lists_all_of_its_problems() -> None:
    error = ConfigurationError("It cannot be used:", [Problem("one", "a.yaml", 1), Problem("two")])
    assert str(error) == "It cannot be used:\n  a.yaml:1: one\n  two"
    assert [problem.message for problem in error.problems] == ["one", "two"]


def test_a_code_may_be_given_for_each_error() -> None:
    assert StateError("no").code == "conflict"
    assert StateError("no", code="thread_busy").code == "thread_busy"
    assert issubclass(NotFoundError, StateError)


def test_what_operators_read_is_in_no_message() -> None:
    failed = ToolExecutionError("It failed.", detail="Traceback: secret")
    refused = ServiceError("It refused.", status=503, detail="secret", retry_after=2.0)
    assert "secret" not in str(failed) + str(refused)
    assert (refused.status, refused.retry_after, refused.code) == (503, 2.0, "service_error")


def test_every_class_has_a_code_of_its_own() -> None:
    found: list[type[BaseError]] = [BaseError]
    for each in found:
        found += [sub for sub in each.__subclasses__() if sub.__module__ == "journeyman.errors"]
    codes = [each.default_code for each in found if "default_code" in vars(each)]  # NodeCodeError is a kind of its base
    assert len(codes) == len(set(codes)) > 20
