from __future__ import annotations

import pytest

from journeyman.agent_files.foreign_document import read_foreign
from journeyman.agent_files.foreign_yaml import MAX_DEPTH


def data(text: str) -> object:
    document, problems = read_foreign(text.encode(), "api.yaml", "begin")
    assert not problems
    assert document is not None
    return document.data


def problem(text: str) -> tuple[int | None, int | None, str]:
    """Return line, column and message of the only problem of a text."""
    _, problems = read_foreign(text.encode(), "api.yaml", "begin with this")
    (found,) = problems
    return found.line, found.column, found.message


def test_an_alias_is_the_value_of_its_anchor() -> None:
    assert data("a: &x {b: [1]}\nc: *x\nd: [*x, &y text, *y]\n&k e: *k") == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": [{"b": [1]}, "text", "text"],
        "e": "e",
    }


def test_a_merge_key_adds_what_the_mapping_has_not() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\n"
    assert data(f"{text}one: {{<<: *b, x: 9}}") == {**data(text), "one": {"x": 9, "y": 2}}  # type: ignore[dict-item]
    assert data(f"{text}one: {{x: 9, <<: [*b, *m]}}")["one"] == {"x": 9, "y": 2, "z": 4}  # type: ignore[index]
    assert data("{'<<': 1}") == {"<<": 1}


def test_the_last_anchor_of_a_name_counts() -> None:
    assert data("a: &x 1\nb: &x 2\nc: *x") == {"a": 1, "b": 2, "c": 2}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: &x {b: *x}", 1, 11, "the alias *x names no anchor that is complete before it"),
        ("a: &x 1\nb: &x [*x]", 2, 8, "the alias *x names no anchor that is complete before it"),
        ("a: *x", 1, 4, "the alias *x names no anchor that is complete before it"),
        ("a: {<<: text}", 1, 5, "a merge key (<<) must name mappings"),
        ("a: 1\na: 2", 2, 1, "the key 'a' is given twice, first in line 1"),
        ("a: !!python/object:os.system x", 1, 4, "tags (!name) are not allowed"),
        ('a: "\\0"', 1, 4, "the text holds NUL or half of a surrogate pair"),
        ("a: 1\n---\nb: 2", 2, 1, "the file holds more than one document"),
        ("? {a: 1}\n: 2", 1, 3, "a key must be text"),
        ("# nothing", 1, 1, "the file holds comments only"),
        ("a: [", 2, 1, "not valid YAML: did not find expected node content"),
        ("%YAML 1.2\n---\na: 1", 1, 1, "YAML directives (%…) are not allowed"),
        ("[" * (MAX_DEPTH + 1), 1, 65, "more than 64 levels of nesting"),
    ],
)
def test_every_problem_has_its_place(text: str, line: int, column: int, message: str) -> None:
    assert problem(text) == (line, column, message)


def test_aliases_count_as_if_they_were_written_out() -> None:
    laughs = ['a0: &a0 "ha"', *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))]
    assert problem("\n".join(laughs))[2] == "the aliases stand for more than 32 MiB"
    chain = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{x: *a{n - 1}}}" for n in range(1, 100))]
    line, _, message = problem("\n".join(chain))
    assert message == "more than 64 levels of nesting"
    assert line == 64
    large = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 40)}]"
    assert problem(large)[2] == "the aliases stand for more than 32 MiB"


def test_merged_keys_count_as_values() -> None:
    base = "b: &b {" + ", ".join(f"k{n}: 1" for n in range(1_000)) + "}\n"
    merges = "".join(f"m{n}: {{<<: *b}}\n" for n in range(1_100))
    assert problem(base + merges)[2] == "the file has more than 1000000 values"


def test_a_place_within_an_alias_is_that_of_its_anchor() -> None:
    document, _ = read_foreign(b"a: &x\n  b: 1\nc: *x\nd:\n  <<: *x\n  e: 2", "f", "begin")
    assert document is not None
    assert document.location(("c", "b"), key=True) == (2, 3)
    assert document.location(("c",)) == (3, 4)
    assert document.location(("d", "b")) == (5, 3)
    assert document.location(("d", "e")) == (6, 6)
    assert document.location(("d", "none", 1)) == (5, 3)


def test_keys_may_look_like_numbers() -> None:
    assert data("200: ok\nnull: x\n1.5: y") == {"200": "ok", "null": "x", "1.5": "y"}
