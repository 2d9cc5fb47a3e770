from __future__ import annotations

import importlib

import pytest

from journeyman.runtime import results
from journeyman.runtime.engine import frames


@pytest.mark.parametrize("name", ["Delta", "Progress", "Reconnect", "Snapshot"])
def test_a_frame_under_its_old_path_is_the_same_class_and_gives_one_warning(name: str) -> None:
    with pytest.warns(DeprecationWarning, match="journeyman.runtime.engine.frames") as warned:
        old = getattr(importlib.import_module("journeyman.runtime.results"), name)
    assert old is getattr(frames, name)
    assert len(warned) == 1


def test_any_other_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Frames'"):
        results.Frames  # noqa: B018
