"""Pruning on demand."""

from __future__ import annotations

import pytest

from journeyman.api.app import build_app
from journeyman.journal.journal import Size
from journeyman.runtime.retention import Keep
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_what_may_stay_is_given_in_the_units_of_people() -> None:
    asked: list[Keep] = []

    async def prune(keep: Keep) -> tuple[int, Size]:
        asked.append(keep)
        return 3, Size(7, 4096)

    answer = await request(
        build_app(make_ports(prune=prune)), "POST", "/retention/prune", json={"days": 2, "megabytes": 1}
    )
    assert answer.json() == {"erased": 3, "threads": 7, "bytes": 4096}
    assert asked == [Keep(seconds=172_800, bytes=1_000_000)]


@pytest.mark.parametrize("body", [{}, {"days": None}, {"weeks": 1}])
async def test_a_prune_without_a_bound_erases_nothing(body: dict[str, object]) -> None:
    async def prune(keep: Keep) -> tuple[int, Size]:
        raise AssertionError(keep)

    assert (await request(build_app(make_ports(prune=prune)), "POST", "/retention/prune", json=body)).status == 422
