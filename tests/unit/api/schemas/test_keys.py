"""The bodies of API keys and of retention."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.api.schemas.keys import CreateKey, KeyQuota, PruneRequest, RotateKey, key_answer, made_key
from journeyman.auth.limits import KeyLimits
from journeyman.events.quota import Quota
from journeyman.journal.journal import ApiKeyRow

ROW = ApiKeyRow(
    id="k1", name="shop", principal="key:shop", scopes=("run",), hash=b"h", created_at=0, expires_at=2_000_000,
    quota=Quota(tokens_per_day=5),
)  # fmt: skip


def test_limits_of_a_new_key() -> None:
    body = msgspec.convert(
        {"name": "a", "scopes": ["run"], "rate": "10/second", "quota": {"concurrent_runs": 2}}, CreateKey
    )
    assert body.limits == KeyLimits("10/second", Quota(concurrent_runs=2))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (CreateKey, {"name": "a", "scopes": []}),
        (CreateKey, {"name": "a", "scopes": ["run"], "expires_in_seconds": 0}),
        (KeyQuota, {"concurrent_runs": 0}),
        (KeyQuota, {"usd_per_day": -1}),
        (RotateKey, {"grace_seconds": -1}),
        (PruneRequest, {"days": -1}),
    ],
)
def test_bodies_that_are_refused(kind: Any, body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, kind)


def test_a_key_is_shown_with_its_times_and_without_its_secret() -> None:
    shown = msgspec.to_builtins(key_answer(ROW, now=1_000_000))
    assert (shown["usable"], shown["expires_at"], shown["revoked_at"]) == (True, "1970-01-01T00:00:02.000000Z", None)
    assert shown["quota"] == {"tokens_per_day": 5, "usd_per_day": None, "concurrent_runs": None}
    assert not {"hash", "key"} & set(shown)
    assert key_answer(ROW, now=2_000_000).usable is False


def test_a_new_key_is_shown_once() -> None:
    assert (made_key(ROW, "secret", 0).key, made_key(ROW, None, 0).key) == ("secret", None)
