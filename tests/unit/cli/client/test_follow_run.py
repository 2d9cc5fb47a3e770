from __future__ import annotations

from collections.abc import Sequence

import pytest

from journeyman.cli.client.api_client import Frame
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.errors import ServiceUnavailableError
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, REPLIED, ScriptedApiClient, Step, delta, event


def follow(*streams: Sequence[Step], status: str = "running") -> tuple[list[str], ScriptedApiClient, StreamFollower]:
    door = ScriptedApiClient(*streams, status=status)
    following = StreamFollower(door, sleep=lambda _: None)  # type: ignore[arg-type]
    return [frame.type for frame in following.start({})], door, following


def test_a_run_to_its_end() -> None:
    types, _, following = follow([ACCEPTED, delta("Hello"), FINISHED])
    assert types == ["run_accepted", "delta", "run_finished"]
    assert (following.run_id, following.thread_id, following.last) == ("r1", "t1", 5)


@pytest.mark.parametrize("cut", [[GONE], [Frame("reconnect", {"reason": "shutdown"})], []])
def test_a_cut_stream_is_rejoined_where_it_was_left(cut: list[Step]) -> None:
    types, door, _ = follow([ACCEPTED, *cut], [GONE], [REPLIED, FINISHED])
    assert types == ["run_accepted", "model_replied", "run_finished"]
    assert [path for _, path, _ in door.asked] == ["/process", *["/runs/r1/events?after=1"] * 2]


def test_a_server_that_stays_away() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([ACCEPTED], *[[GONE]] * 100)


def test_a_start_that_fails_is_not_tried_again() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([GONE], [FINISHED])


def test_nothing_new_of_a_run_that_is_over() -> None:
    following = StreamFollower(ScriptedApiClient([], status="finished"))  # type: ignore[arg-type]
    assert list(following.rejoin("r1", 5)) == []


def test_a_pause_ends_the_stream() -> None:
    types, _, _ = follow([ACCEPTED, event(2, "run_paused"), FINISHED])
    assert types == ["run_accepted", "run_paused"]
