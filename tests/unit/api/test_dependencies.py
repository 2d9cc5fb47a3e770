"""What a server without files, cache or retention answers."""

from __future__ import annotations

import pytest

from journeyman.api.dependencies import nothing_cached, nothing_erased, nothing_reloaded, nothing_rolled_back
from journeyman.errors import StateError
from journeyman.runtime.retention import Keep
from tests.harness.fake_use_cases import make_ports


async def test_without_cache_or_retention_nothing_is_erased() -> None:
    erased, left = await nothing_erased(Keep())
    assert (await nothing_cached("look"), erased, left.threads, left.bytes) == (0, 0, 0, 0)


async def test_agents_without_files_cannot_be_reloaded_or_rolled_back() -> None:
    with pytest.raises(StateError) as reloaded:
        await nothing_reloaded()
    with pytest.raises(StateError) as rolled_back:
        await nothing_rolled_back("support", None)
    assert {reloaded.value.code, rolled_back.value.code} == {"no_files"}


async def test_by_default_a_server_is_ready_and_asks_for_no_credential() -> None:
    given = make_ports()
    assert (dict(given.not_ready()), given.authenticator, given.rate_limiter, given.debug) == ({}, None, None, None)
    assert (await given.metrics("text/plain"))[0] == b""
    assert given.mask("as it is") == "as it is"
