from __future__ import annotations

import asyncio
import json
import logging
import os
import re

from journeyman.ids import SequentialIds
from journeyman.telemetry.logs import formatters as lines
from journeyman.telemetry.logs import setup as logs
from tests.harness.log_lines import LOGGER, started


async def test_bound_ids_stay_in_their_task() -> None:
    sink = started()

    async def task(name: str) -> None:
        logs.bind(run_id=name)
        await asyncio.sleep(0)
        LOGGER.info("in")

    with logs.bound(request_id="q1", trace_id=None):
        await asyncio.gather(task("r1"), task("r2"))
        LOGGER.info("out")
    LOGGER.info("after")
    ids = [{name: line.get(name) for name in ("request_id", "run_id", "trace_id")} for line in sink.lines()]
    assert [(item["request_id"], item["run_id"]) for item in ids] == [
        ("q1", "r1"),
        ("q1", "r2"),
        ("q1", None),
        (None, None),
    ]
    assert not any(item["trace_id"] for item in ids)


async def test_a_task_can_drop_the_ids_of_its_creator() -> None:
    sink = started()

    async def run() -> None:
        logs.bind_only(run_id="r1", trace_id=None)
        logs.bind(principal="ann", trace_id=None)
        LOGGER.info("in")

    with logs.bound(request_id="q1", principal="bob"):
        await asyncio.create_task(run())
    [line] = sink.lines()
    assert {name: line[name] for name in lines.IDS if name in line} == {"run_id": "r1", "principal": "ann"}


def test_level_and_libraries() -> None:
    sink = started(level="DEBUG")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("asyncio").debug("poll")
    LOGGER.debug("seen")
    assert [line["message"] for line in sink.lines()] == ["seen"]


def test_a_full_pipe_drops_lines_and_does_not_block() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as inlet, os.fdopen(writer, "w") as outlet:
        logs.configure(format="json", stream=outlet, ids=SequentialIds())
        for number in range(2000):
            LOGGER.info("line %d %s", number, "x" * 5000)
        os.set_blocking(inlet.fileno(), False)
        while inlet.read(1 << 16):
            pass
        LOGGER.info("again")
        lost, again = (json.loads(line)["message"] for line in inlet.read().split(b"\n") if line)
    assert re.fullmatch(r"\d+ log lines lost", lost)
    assert again == "again"


def test_a_closed_stream_is_survived() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as outlet:
        logs.configure(format="json", stream=outlet)
        LOGGER.info("nobody reads")
    LOGGER.info("closed")
