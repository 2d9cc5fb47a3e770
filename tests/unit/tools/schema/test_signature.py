from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.authoring.definition import Sensitive
from journeyman.tools.schema.compiled import Arguments
from journeyman.tools.schema.signature import parse_docstring, read_signature


def test_docstring_sections():
    summary, arguments = parse_docstring("""Sum up.

    Args:
        a (int): first: with a colon
        b: second
          goes on
    Returns:
        c: not an argument
    """)
    assert summary == "Sum up."
    assert arguments == {"a": "first: with a colon", "b": "second goes on"}


def test_a_text_that_is_annotated_to_an_argument_describes_it() -> None:
    async def book(
        city: Annotated[str, "Where to stay"],
        nights: Annotated[int, "How long"] | None = None,
        pin: Annotated[str, Sensitive, "The secret"] = "",
        room: Annotated[str, "not this"] = "",
    ) -> None:
        """Book.

        Args:
            room: The docstring's text
        """

    schema = Arguments.of("book", read_signature(book, "book")).schema
    assert {name: node.get("description") for name, node in schema["properties"].items()} == {
        "city": "Where to stay",
        "nights": "How long",
        "pin": "The secret",
        "room": "The docstring's text",
    }


@pytest.mark.parametrize(
    ("hint", "sound", "wrong"),
    [
        (Iterable[int], [1, 2], [1, "x"]),
        (Iterable[int] | None, [1], ["x"]),
        (Annotated[Iterable[int], "numbers"], [1], ["x"]),
        (dict[str, Iterable[int]], {"a": [1]}, {"a": ["x"]}),
        (Iterable[Iterable[int]], [[1]], [["x"]]),
        (Iterable, [1, "x"], 5),
    ],
)
def test_the_items_of_an_iterable_are_checked_before_the_call(hint: Any, sound: Any, wrong: Any) -> None:
    async def total(numbers: hint) -> None:
        pass

    total.__annotations__["numbers"] = hint
    compiled = Arguments.of("total", read_signature(total, "total"))
    assert compiled.check({"numbers": sound}) == {"numbers": sound}
    with pytest.raises(ToolValidationError, match="numbers"):
        compiled.check({"numbers": wrong})


def test_the_schema_of_an_iterable_stays_that_of_an_array() -> None:
    async def total(numbers: Iterable[int]) -> None:
        pass

    schema = Arguments.of("total", read_signature(total, "total")).schema
    assert schema["properties"]["numbers"] == {"type": "array", "items": {"type": "integer"}}
