from __future__ import annotations

import msgspec
import pytest

from journeyman.api.schemas.settings import SettingAnswer


def test_an_origin_is_one_of_five() -> None:
    with pytest.raises(msgspec.ValidationError, match="origin"):
        msgspec.convert({"name": "A", "value": 1, "default": 1, "origin": "?", "secret": False}, SettingAnswer)
