"""Whatever a tool returned reads as a result, and never like a call that failed."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from collections import OrderedDict, deque
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.tools.results import format_result
from journeyman.tools.returned_values import MAX_DEPTH, placeholder, plain_value

CAP = 100_000
DAY = datetime.date(2026, 11, 30)
ID = UUID(int=7)


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, DAY)


class Level(enum.IntEnum):
    HIGH = 3


class NumpyScalar:
    """A scalar as numpy has it: it has a shape without dimensions."""

    shape = ()

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value


class NumpyArray:
    shape = (2, 2)
    nbytes = 32


class Login(pydantic.BaseModel):
    name: str
    password: pydantic.SecretStr


@dataclasses.dataclass
class Node:
    """A record that may contain itself."""

    day: datetime.date
    next: Any = None


class Hostile:
    """An object whose every attribute raises SystemExit."""

    def __getattr__(self, name: str) -> Any:
        raise SystemExit(name)

    def __sizeof__(self) -> int:
        raise KeyboardInterrupt


class HostileModel:
    def model_dump(self, mode: str) -> Any:
        raise SystemExit(3)


VALUES = [
    (datetime.timedelta(days=1, hours=2), "P1DT7200S"),
    (DAY, "2026-11-30"),
    (datetime.datetime(2026, 11, 30, 1, 2, tzinfo=datetime.UTC), "2026-11-30T01:02:00+00:00"),
    (Colour.RED, "red"),
    (Colour.PAIR, [1, "2026-11-30"]),
    (Level.HIGH, 3),
    (ID, str(ID)),
    (PurePosixPath("a/b"), "a/b"),
    (Decimal("1.50"), "1.50"),
    (float("nan"), None),
    ([float("inf"), -float("inf"), 1.5], [None, None, 1.5]),
    (range(3), [0, 1, 2]),
    (range(10, 0, -5), [10, 5]),
    (range(10**12), "range(0, 1000000000000)"),
    (range(0, 2**80, 2**78), [0, 2**78, 2**79, 3 * 2**78]),
    ({7}, [7]),
    (frozenset(), []),
    (deque([1, 2]), [1, 2]),
    (MappingProxyType({"a": DAY}), {"a": "2026-11-30"}),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (NumpyScalar(5), 5),
    (NumpyScalar(float("nan")), None),
    ([NumpyArray()], ["<NumpyArray, 32 bytes>"]),
    (b"12345", "<bytes, 5 bytes>"),
    ({"raw": bytearray(3)}, {"raw": "<bytearray, 3 bytes>"}),
    (memoryview(b"abcd"), "<memoryview, 4 bytes>"),
    (pydantic.SecretStr("hunter2"), "**********"),
    (
        {"login": Login(name="a", password=pydantic.SecretStr("hunter2"))},
        {"login": {"name": "a", "password": "*" * 10}},
    ),
    (10**6000, placeholder(10**6000)),
    (Node(DAY, Node(DAY)), {"day": "2026-11-30", "next": {"day": "2026-11-30", "next": None}}),
    ([HostileModel(), 1], [placeholder(HostileModel()), 1]),
    ([Hostile(), 1], ["<Hostile, 0 bytes>", 1]),
]


@pytest.mark.parametrize(("value", "wanted"), VALUES, ids=lambda value: str(type(value).__name__))
def test_a_value_that_json_lacks_reads_as_what_it_is(value: Any, wanted: Any) -> None:
    assert json.loads(format_result(value, CAP)) == wanted
    assert json.loads(format_result({"in": [value, b""]}, CAP)) == {"in": [wanted, "<bytes, 0 bytes>"]}


KEYS = [
    (DAY, "2026-11-30"),
    (ID, str(ID)),
    (PurePosixPath("a/b"), "a/b"),
    (Colour.RED, "red"),
    (Level.HIGH, "3"),
    (datetime.timedelta(seconds=5), "PT5S"),
    ((1, DAY), '[1,"2026-11-30"]'),
    (None, "null"),
    (True, "true"),
    (1.5, "1.5"),
    (float("nan"), "null"),
    (b"ab", "<bytes, 2 bytes>"),
    (NumpyScalar(4), "4"),
]


@pytest.mark.parametrize(("key", "wanted"), KEYS, ids=lambda value: str(type(value).__name__))
def test_a_key_reads_as_what_it_is(key: Any, wanted: str) -> None:
    assert json.loads(format_result({key: b"", "other": 1}, CAP)) == {wanted: "<bytes, 0 bytes>", "other": 1}
    assert json.loads(format_result({key: 1}, CAP)) == {wanted: 1}


def test_keys_of_the_same_text_hide_nothing() -> None:
    assert plain_value({1: "a", "1": "b", b"x": "c", b"y": "d"}) == {
        "1": "a",
        "1 (2)": "b",
        "<bytes, 1 bytes>": "c",
        "<bytes, 1 bytes> (2)": "d",
    }


def test_a_secret_as_a_key_stays_masked() -> None:
    assert "hunter2" not in format_result({pydantic.SecretStr("hunter2"): pydantic.SecretBytes(b"hunter2")}, CAP)


def test_a_cycle_ends_where_it_closes() -> None:
    node = Node(DAY)
    node.next = [node]
    assert json.loads(format_result(node, CAP)) == {"day": "2026-11-30", "next": [placeholder(node)]}
    shared = [DAY]
    assert json.loads(format_result([shared, shared, b""], CAP))[:2] == [["2026-11-30"]] * 2, "twice is no cycle"


def test_a_deep_value_ends_with_a_placeholder() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    text = format_result(deep, CAP)
    assert text.count("[") == MAX_DEPTH
    assert "<list, " in text


def test_an_object_without_a_size_is_named_all_the_same() -> None:
    assert placeholder(Hostile()) == "<Hostile, 0 bytes>"


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.timedeltas()
)
keys = st.text() | st.integers() | st.dates() | st.binary() | st.tuples(st.integers(), st.text()) | st.floats()
anything = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner) | st.tuples(inner, inner), max_leaves=20
)


@settings(max_examples=200, deadline=None, database=None)
@given(anything)
def test_any_value_gives_json_and_loses_no_item(value: Any) -> None:
    text = format_result(value, 10**9)
    if isinstance(value, str):
        return
    plain = json.loads(text, parse_constant=pytest.fail)
    if isinstance(value, dict | list | tuple):
        assert len(plain) == len(value)


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, database=None)
@given(plain_data)
def test_json_data_stays_as_it_is(value: Any) -> None:
    assert plain_value(value) == value
    assert json.loads(format_result(value, 10**9)) == value


def test_a_struct_is_an_object() -> None:
    class Point(msgspec.Struct):
        x: float

    assert format_result(Point(float("nan")), CAP) == '{"x":null}'
