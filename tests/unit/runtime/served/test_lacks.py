"""What a run lacks, in words and in its row."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from journeyman.events.events import Lack
from journeyman.journal.projection.run_rows import lacks_of
from journeyman.runtime.served.lacks import LackingError, lack_of_row, sentence_of

KINDS = get_args(get_type_hints(Lack)["kind"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_holds_what_is_lacking(kind: str) -> None:
    for name in ("desk", "", "a:b"):
        lack = Lack(kind, name)  # type: ignore[arg-type]
        assert lack_of_row(lacks_of(lack)) == lack


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_sentence(kind: str) -> None:
    sentence = sentence_of(Lack(kind, "desk"))  # type: ignore[arg-type]
    assert sentence.endswith(".")
    assert "desk" in sentence or kind in ("release", "operator")


def test_the_gateway_of_the_settings_has_no_name() -> None:
    assert sentence_of(Lack("gateway")).startswith("The gateway cannot be used")
    assert LackingError(Lack("tool", "pay")).message == sentence_of(Lack("tool", "pay"))
