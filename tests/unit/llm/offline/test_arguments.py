from __future__ import annotations

import pytest

from journeyman.llm.offline.arguments import TextArguments, arithmetic

STRING = {"type": "string"}
NUMBER = {"type": "number"}


def fill(text: str, required: tuple[str, ...] = (), **properties) -> dict[str, object]:
    return TextArguments(text).fill({"type": "object", "properties": properties, "required": list(required)})


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("what is 12*(3+4)?", "12*(3+4)"),
        ("what is (2 + 3) * 4 / 5.5.", "(2 + 3) * 4 / 5.5"),
        ("3 plus 4 times 2, please", "3 + 4 * 2"),
        ("10 divided by 4", "10 / 4"),
        ("6 x 7", "6*7"),
        ("2^10", "2**10"),
        ("(see 1+1)", "1+1"),
        ("-3 - -4", "3 - -4"),
        ("order 1042 on 2026-11-22", None),
        ("ring 12", None),
        ("", None),
    ],
)
def test_arithmetic(text, expression):
    assert arithmetic(text) == expression


@pytest.mark.parametrize(
    ("text", "name", "schema", "value"),
    [
        ("where is ORD-1042?", "order_id", STRING, "ORD-1042"),
        ("where is order 1042?", "order_id", STRING, "1042"),
        ("ticket #7", "ticket_number", {"type": "integer"}, 7),
        ("where is my order?", "order_id", STRING, ""),
        ("mail ann@example.com now", "email", STRING, "ann@example.com"),
        ("get https://example.com/a?b=c", "url", STRING, "https://example.com/a?b=c"),
        ("on 2026-11-22", "date", STRING, "2026-11-22"),
        ("say 'good day' to them", "message", STRING, "good day"),
        ("it isn't Ann's day", "message", STRING, "it isn't Ann's day"),
        ("weather in New York today", "city", STRING, "New York"),
        ("the city is Paris.", "city", STRING, "Paris"),
        ("what is up", "query", STRING, "what is up"),
        ("pay $12.50", "amount", NUMBER, 12.5),
        ("in 5 days, amount 20", "amount", NUMBER, 20),
        ("20 days", "days", {"type": "integer"}, 20),
        ("no number", "amount", {"type": "number", "minimum": 1}, 1),
        ("make it LARGE", "size", {"enum": ["small", "large"]}, "large"),
        ("make it", "size", {"enum": ["small", "large"]}, "small"),
        ("x", "unit", {"type": "string", "default": "C"}, "C"),
        ("without gift wrap", "gift_wrap", {"type": "boolean"}, False),
        ("with gift wrap", "gift_wrap", {"type": "boolean"}, True),
        ("hm", "gift_wrap", {"type": "boolean"}, False),
        ("add 1, 2 and 3.5", "values", {"type": "array", "items": NUMBER}, [1, 2, 3.5]),
        ("both 'a b' and 'c'", "names", {"type": "array", "items": STRING}, ["a b", "c"]),
        ("none", "names", {"type": "array", "items": STRING, "minItems": 1}, [""]),
        ("maybe 3", "n", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 3),
        ("x", "k", {"const": 9}, 9),
        ("a very large one, not a small one", "size", {"enum": ["small", "large", "very large"]}, "very large"),
        ("by next day", "speed", {"enum": ["slow", "next_day"]}, "next_day"),
        ("level 3", "level", {"enum": [1, 3]}, 3),
        ("red and blue", "colors", {"type": "array", "items": {"enum": ["blue", "red"]}}, ["red", "blue"]),
        ("with CHEESE", "topping", {"type": "string", "examples": ["ham", "cheese"]}, "cheese"),
        ("in rome", "city", {"type": "string", "description": "Oslo or Rome."}, "Rome"),
        ("find the page about red shoes.", "query", STRING, "red shoes"),
        ("note: buy milk", "body", STRING, "buy milk"),
        ("refund order AB-12, please", "order", STRING, "AB-12"),
        ("refund order #1042.", "order", STRING, "1042"),
        ("time in Asia/Tokyo", "timezone", STRING, "Asia/Tokyo"),
    ],
)
def test_a_required_argument_is_found_or_made_up(text, name, schema, value):
    assert fill(text, (name,), **{name: schema}) == {name: value}


def test_an_optional_argument_is_filled_only_if_the_text_names_it():
    optional = {"limit": {"type": "integer"}, "city": STRING, "unit": {"enum": ["C", "F"]}, "tags": {"type": "array"}}
    assert fill("weather, 3 times", **optional) == {}
    assert fill("weather in F with limit 3", **optional) == {"limit": 3, "unit": "F"}


def test_each_finding_is_used_once_and_in_order():
    assert fill("move 'a' to 'b'", ("source", "target"), source=STRING, target=STRING) == {"source": "a", "target": "b"}
    assert fill("refund ORD-7, 20", ("order_id", "amount"), amount=NUMBER, order_id=STRING) == {
        "amount": 20,
        "order_id": "ORD-7",
    }


def test_nested_objects_and_references_are_followed():
    schema = {
        "$defs": {"Item": {"type": "object", "properties": {"sku": STRING, "n": NUMBER}, "required": ["sku", "n"]}},
        "type": "object",
        "properties": {"item": {"$ref": "#/$defs/Item"}},
        "required": ["item", "other"],
    }
    assert TextArguments("buy 3 of AB-12").fill(schema) == {"item": {"sku": "AB-12", "n": 3}, "other": None}


def test_a_schema_that_contains_itself_ends():
    schema = {"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"n": {"$ref": "#/$defs/N"}}, "required": ["n"]}}}
    assert isinstance(
        TextArguments("x").fill({"properties": {"n": schema}, "required": ["n"], "$defs": schema["$defs"]}), dict
    )


CITIES = {
    "origin": {"type": "string", "description": "Oslo, Rome or Bern."},
    "destination": {"type": "string", "description": "Another of them."},
}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("from Oslo to Rome", {"origin": "Oslo", "destination": "Rome"}),
        ("to Rome from Oslo", {"origin": "Oslo", "destination": "Rome"}),
        ("how far is rome from oslo", {"origin": "Oslo", "destination": "Rome"}),
        ("oslo, bern", {"origin": "Oslo", "destination": "Bern"}),
        ("from New York to Rome", {"origin": "New York", "destination": "Rome"}),
    ],
)
def test_the_word_before_a_value_tells_what_it_is(text, arguments):
    assert fill(text, ("origin", "destination"), **CITIES) == arguments


def test_nothing_is_made_up_where_what_is_missing_is_asked_for():
    schema = {
        "properties": {
            **CITIES,
            "unit": {"enum": ["km", "mi"]},
            "digits": {"type": "integer", "default": 1},
            "trip": {"properties": {"days": {"type": "integer"}, "note": STRING}, "required": ["days", "note"]},
            "tags": {"type": "array", "items": STRING},
        },
        "required": ["origin", "destination", "unit", "digits", "trip", "tags", "other"],
    }
    found, missing = TextArguments("to Rome in 3 days").find(schema)
    assert found == {"destination": "Rome", "digits": 1, "trip": {"days": 3}}
    assert list(missing) == [("origin",), ("unit",), ("trip", "note"), ("tags",), ("other",)]
