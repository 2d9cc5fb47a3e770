from __future__ import annotations

import json
import re

import pytest

from journeyman.telemetry.logs import setup as logs
from journeyman.telemetry.logs.formatters import ON_TERMINAL
from tests.harness.log_lines import LOGGER, started


def test_one_object_a_line_with_every_field() -> None:
    sink = started()
    LOGGER.info("saved %d\nrows", 3, extra={"table": "orders", "size": 1.5})
    [line] = sink.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert isinstance(line.pop("line"), int)
    assert line == {
        "level": "info",
        "message": "saved 3\nrows",
        "logger": "journeyman.test_logs",
        "module": "test_formatters",
        "function": "test_one_object_a_line_with_every_field",
        "table": "orders",
        "size": 1.5,
    }


def test_an_exception_adds_type_stack_and_error_id() -> None:
    sink = started()
    for extra in ({}, {"error_id": "err_given"}):
        try:
            raise ValueError("no")
        except ValueError:
            LOGGER.exception("failed", extra=extra)
    first, second = sink.lines()
    assert (first["type"], first["error_id"], second["error_id"]) == ("ValueError", "err_1", "err_given")
    assert "test_formatters.py" in first["stack"]
    assert first["stack"].endswith("ValueError: no\n")


@pytest.mark.parametrize("format", ["json", "console", "%(message)s %(name)s"])
def test_secrets_are_masked_by_value_and_by_shape(format: str) -> None:
    sink = started(format, secrets=["hunter22hunter", 'quo"ted-secret', "short"])
    LOGGER.info(
        '%s quo"ted-secret short Authorization: Bearer abcdef123456', "hunter22hunter", extra={"api_key": "plain"}
    )
    text = sink.getvalue()
    assert not any(secret in text for secret in ("hunter22", "ted-secret", "abcdef", "plain"))
    assert "short" in text


@pytest.mark.parametrize("format", ["json", "console", "%(message)s"])
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic YW5uOmh1bnRlcjIy",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl-of-it",
        "GET https://ann:hunter2222@host/path",
        "at redis://:hunter2222@cache:6379/0",
        "key sk-abcdef123456",
        "key jm_abcdef_123456",
    ],
)
def test_credentials_are_masked_by_their_shape(format: str, text: str) -> None:
    sink = started(format)
    LOGGER.info(text)
    line = sink.getvalue()
    assert "[secret]" in line
    assert not any(word in line for word in ("YW5u", "eyJzdWI", "c2lnbmF", "hunter2222", "abcdef"))


def test_mappings_within_a_field_are_masked_by_name() -> None:
    sink = started("json")
    LOGGER.info("sent", extra={"sent": {"headers": {"Authorization": "plain", "accept": "x"}, "n": 1}})
    assert sink.lines()[0]["sent"] == {"headers": {"Authorization": "[secret]", "accept": "x"}, "n": 1}


def test_counts_of_tokens_are_no_credentials() -> None:
    sink = started()
    LOGGER.info("used", extra={"tokens": 5, "max_tokens": 9})
    assert (sink.lines()[0]["tokens"], sink.lines()[0]["max_tokens"]) == (5, 9)


@pytest.mark.parametrize("value", ["\ud800", {1: object()}, object(), {(1, 2): 3}, b"\xff", float("nan"), 10**400])
def test_any_value_makes_a_line(value: object) -> None:
    sink = started()
    LOGGER.info("odd", extra={"value": value})
    assert sink.lines()[0]["message"] == "odd"


def test_a_long_value_is_cut() -> None:
    sink = started()
    LOGGER.info("x" * 100_000)
    assert len(sink.getvalue()) < 20_000


def test_a_record_that_cannot_be_formatted_is_reported() -> None:
    sink = started()
    LOGGER.info("%d", "text")
    assert "could not be formatted" in sink.lines()[0]["message"]


def test_console_has_colours_on_a_terminal_only() -> None:
    terminal, pipe = started(None, terminal=True), None
    LOGGER.warning("careful\x1b[2J\nforged", extra={"run": 1})
    pipe = started("console")
    LOGGER.warning("careful\x1b[2J\nforged", extra={"run": 1})
    assert "\x1b[33mwarning" in terminal.getvalue()
    assert "\x1b" not in pipe.getvalue()
    assert pipe.getvalue().count("\n") == 1
    assert "run=1" in pipe.getvalue()


def test_texts_of_several_lines_are_below_the_line_on_a_terminal() -> None:
    secret = "first line\nsecond line of a key"
    sink = started(None, terminal=True, secrets=[secret])
    LOGGER.warning(
        "tool failed", extra={"tool": "pay", "detail": f"Traceback:\n  in pay\x1b[2J\n{secret}\n12:00:00 forged"}
    )
    line, *below = sink.getvalue().splitlines()
    assert "tool=pay" in line
    assert "detail" not in line
    assert below == ["    Traceback:", "      in pay\\x1b[2J", "    [secret]", "    12:00:00 forged"]


def test_a_stack_on_a_terminal_has_only_frames_of_the_users_code() -> None:
    sink = started(None, terminal=True)
    try:
        json.loads("{")
    except ValueError:
        LOGGER.exception("failed")
    text = sink.getvalue()
    assert "json.loads(" in text
    assert text.count("File ") == 2, "the caller's, and that which raised"
    assert text.rstrip().splitlines()[-1].startswith("    json.decoder.JSONDecodeError")


def test_a_record_may_have_a_short_line_for_terminals() -> None:
    extra = {"run_id": "run_1", ON_TERMINAL: "support: finished (1.2 s)"}
    for format, terminal in ((None, True), ("console", False), ("json", False)):
        sink = started(format, terminal=terminal)
        LOGGER.info("run finished: /runs/run_1", extra=extra)
        text = sink.getvalue()
        assert ("support: finished" in text, "/runs/run_1" in text) == (terminal, not terminal)
        assert ON_TERMINAL not in text
    sink = started(None, terminal=True, ended_runs=False)
    LOGGER.warning("run failed: /runs/run_1", extra=extra)
    LOGGER.warning("another line")
    assert "another line" in sink.getvalue()
    assert len(sink.getvalue().splitlines()) == 1


def test_of_the_ids_a_terminal_shows_the_beginning_of_the_runs() -> None:
    sink = started(None, terminal=True)
    with logs.bound(run_id="run_0123456789abcdef0123456789abcdef", request_id="req_1", principal="local"):
        LOGGER.warning("careful", extra={"tool": "pay"})
    text = sink.getvalue()
    assert "run_id=run_01234567 tool=pay" in text
    assert "req_1" not in text


def test_a_pattern_may_name_the_ids() -> None:
    sink = started("%(levelname)s [%(run_id)s] %(message)s")
    LOGGER.info("no run")
    with logs.bound(run_id="r1"):
        LOGGER.info("in run\r\nforged")
    assert sink.getvalue().splitlines() == ["INFO [] no run", "INFO [r1] in run\\r\\nforged"]
