"""The bodies of agents and reloads."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.api.schemas.agents import RollbackRequest


def test_a_rollback_goes_one_version_back_unless_one_is_named() -> None:
    assert msgspec.convert({}, RollbackRequest).version is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"versoin": "v1"}, RollbackRequest)
