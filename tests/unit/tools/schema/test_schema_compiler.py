"""The compiler of schemas and their parts."""

from __future__ import annotations

import pytest

from journeyman.errors import ValidationError
from journeyman.tools.schema.schema_compiler import SchemaCompiler


@pytest.mark.parametrize("address", [{}, {"$id": "https://a.test/s"}, {"$id": "https://a.test/s#"}])
def test_a_member_is_compiled_with_what_it_refers_to(address: dict[str, str]) -> None:
    part = {"$id": "part", "type": "integer"}
    properties = {"a/~b c": {"$ref": "#/$defs/T"}, "b": {"$ref": "part"}}
    compiler = SchemaCompiler({**address, "properties": properties, "$defs": {"T": {"type": "null"}, "P": part}}, None)
    assert compiler.member("a/~b c").is_valid(None)
    assert not compiler.member("a/~b c").is_valid(1)
    assert compiler.member("b").is_valid(1)
    assert not compiler.member("b").is_valid(None)


def test_the_size_of_a_pattern_grows_with_its_counts() -> None:
    compiler = SchemaCompiler({}, None)
    small, large = compiler.pattern_size("^(ab)+c$"), compiler.pattern_size("([ab]{1,60}[^b]){1,20}c")
    assert small <= 5_000 < large
    assert compiler.pattern_size("^.{1,2000}$") == compiler.pattern_size("[^a-z]*") == 5_000


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "not a JSON Schema: '(a' is not a regular expression"),
        ("(?=a)b", "too costly to check: the pattern '(?=a)b' cannot be matched in linear time"),
        (r"(a)\1", "cannot be matched in linear time"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        SchemaCompiler({}, None).pattern_size(pattern)
    assert message in raised.value.message


def test_many_large_patterns_are_refused() -> None:
    compiler = SchemaCompiler({}, None)
    large = [f"(.{{1,200}}x){{1,10}}{number}" for number in range(5)]
    with pytest.raises(ValidationError, match="its patterns are too large"):
        list(map(compiler.pattern_size, large))
