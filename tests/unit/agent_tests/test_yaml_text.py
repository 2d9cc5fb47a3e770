"""Written data are read back unchanged by the reader of agent files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent_files.yaml_reader import Rules, read_document
from journeyman.agent_tests.yaml_text import yaml_text

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | st.sampled_from(
    ["no", "on", "null", "~", "1", "1e3", ".5", "0x1f", "- a", "a: b", "# c", "a #b", "|", "x\ny", "x\n\ny\n", " x\ny",
     "x\n ", "x\n\n", "\n", "<<", "!t", "&a", "*a", "%", "@", "`", "{", "a,b", "[]", "'", '"', "\\", "\tb", "a\r\nb"]
)  # fmt: skip
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda key: len(key) < 200), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(texts.filter(lambda key: len(key) < 200), values, min_size=1, max_size=4))
def test_any_data_is_read_back(data: dict[str, Any]) -> None:
    document, problems = read_document(yaml_text(data).encode(), "f", Rules(max_depth=64))
    assert problems == ()
    assert document is not None
    assert document.data == data


def test_it_is_readable() -> None:
    data = {
        "agent": "support",
        "prompt": "You help.\nBe brief.\n",
        "events": [{"model_called": {"call": "m1", "messages": 2}}, {"reply": {"content": "Two\nlines"}}, {}],
    }
    assert yaml_text(data) == (
        "agent: support\nprompt: |\n  You help.\n  Be brief.\nevents:\n  - {model_called: {call: m1, messages: 2}}\n"
        "  - reply:\n      content: |-\n        Two\n        lines\n  - {}\n"
    )


def test_a_key_that_yaml_cannot_have_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        yaml_text({"k" * 300: 1})
