"""Arguments made of an operation's parameters: what they are called, and what they need."""

from __future__ import annotations

from journeyman.tools.openapi.parameters import ArgumentSchema


def test_names_that_collide_get_their_location_or_a_number() -> None:
    schema = ArgumentSchema()
    for wanted in ("id", "id_in_query"):
        schema.add(schema.unique_name(wanted, "path", False), {}, False, "")
    assert schema.unique_name("id", "query", False) == "id_in_query_2"
    assert schema.unique_name("body", "query", True) == "body_in_query"
    assert schema.unique_name("a b/ä", "query", False) == "a_b__"
    assert schema.unique_name("x" * 100, "query", False) == "x" * 60


def test_a_description_is_added_to_the_arguments_schema() -> None:
    schema = ArgumentSchema()
    schema.add("id", {"type": "string"}, True, "Which one")
    schema.add("any", True, False, "Anything")
    assert schema.properties == {
        "id": {"type": "string", "description": "Which one"},
        "any": {"description": "Anything"},
    }
    assert schema.required == ["id"]
