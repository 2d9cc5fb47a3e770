from __future__ import annotations

from collections.abc import Sequence

import pytest

from journeyman.cli.client.api_client import Frame
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.errors import ServiceUnavailableError
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, REPLIED, ScriptedApiClient, Step, delta, event


def follow(*streams: Sequence[Step], status: str = "running") -> tuple[list[str], ScriptedApiClient, StreamFollower]:
    client = ScriptedApiClient(*streams, status=status)
    follower = StreamFollower(client, sleep=lambda _: None)  # type: ignore[arg-type]
    return [frame.type for frame in follower.start({})], client, follower


def test_a_run_is_followed_to_its_end() -> None:
    types, _, follower = follow([ACCEPTED, delta("Hello"), FINISHED])
    assert types == ["run_accepted", "delta", "run_finished"]
    assert (follower.run_id, follower.thread_id, follower.last_seq) == ("r1", "t1", 5)


@pytest.mark.parametrize("cut", [[GONE], [Frame("reconnect", {"reason": "shutdown"})], []])
def test_a_broken_stream_is_rejoined_after_its_last_event(cut: list[Step]) -> None:
    types, client, _ = follow([ACCEPTED, *cut], [GONE], [REPLIED, FINISHED])
    assert types == ["run_accepted", "model_replied", "run_finished"]
    assert [path for _, path, _ in client.requests] == ["/process", *["/runs/r1/events?after=1"] * 2]


def test_a_server_that_does_not_come_back_is_an_error() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([ACCEPTED], *[[GONE]] * 100)


def test_a_failed_start_is_not_retried() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([GONE], [FINISHED])


def test_a_run_that_has_ended_yields_nothing_new() -> None:
    follower = StreamFollower(ScriptedApiClient([], status="finished"))  # type: ignore[arg-type]
    assert list(follower.rejoin("r1", 5)) == []


def test_a_pause_ends_the_stream() -> None:
    types, _, _ = follow([ACCEPTED, event(2, "run_paused"), FINISHED])
    assert types == ["run_accepted", "run_paused"]
