from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agent_files.document import Document
from journeyman.agent_files.yaml_reader import MAX_BYTES, MAX_PROBLEMS, read_document
from journeyman.errors import Problem
from tests.harness.cpu_time import within


def read(text: str | bytes) -> tuple[Document | None, tuple[Problem, ...]]:
    return read_document(text.encode() if isinstance(text, str) else text, "agent.yaml")


def data(text: str) -> object:
    document, problems = read(text)
    assert not problems
    assert document is not None
    return document.data


def test_every_key_and_value_has_its_place() -> None:
    document, _ = read("type: react_agent\ntools:\n  - name: é\n    retries: 2\n")
    assert document is not None
    assert document.location(("type",), key=True) == (1, 1)
    assert document.location(("type",)) == (1, 7)
    assert document.location(("tools", 0, "retries"), key=True) == (4, 5)
    assert document.location(("tools", 0, "retries")) == (4, 14)
    assert document.location(("tools", 0, "nothing", "below")) == (3, 5)


def test_the_style_of_a_text_is_known() -> None:
    document, _ = read("a: x\nb: 'x'\nc: |\n  x\n")
    assert document is not None
    assert document.styles == {("a",): "", ("b",): "'", ("c",): "|"}


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        (b"", "empty", (1, 1)),
        (b" \n\n", "empty", (1, 1)),
        (b"# nothing\n", "comments only", (1, 1)),
        (b"a: 1\na: 2\n", "'a' is given twice, first in line 1", (2, 1)),
        (b"a: &x 1\n", "anchors", (1, 4)),
        (b"a: *x\n", "aliases", (1, 4)),
        (b"a: !!python/object:os.system x\n", "tags", (1, 4)),
        (b"a: ! x\n", "tags", (1, 4)),
        (b"a:\n  <<: {b: 1}\n", "merge keys", (2, 3)),
        (b"1: x\n", "the key 1 is not text", (1, 1)),
        (b"true: x\n", "the key true is not text", (1, 1)),
        (b"? [a]\n: x\n", "a key must be text", (1, 3)),
        (b"a: 1\n---\nb: 2\n", "more than one document", (2, 1)),
        (b"a:\n\tb: 1\n", "not valid YAML", (2, 1)),
        (b"a: [1, 2\n", "not valid YAML", (2, 1)),
        (b"ok: 1\nbad: \xff\n", "0xff is not UTF-8", (2, 6)),
        (b"a: x\0y\n", "NUL", (1, 5)),
        (b'a: "x\\0y"\n', "NUL", (1, 4)),
        (b'a: "\\ud800"\n', "not valid YAML", (1, 7)),
        ("a: 1\n".encode("utf-16"), "UTF-16", (1, 1)),
        ("a: 1\n".encode("utf-16-le"), "NUL", (1, 2)),
        (b"%TAG ! x\n---\na: 1\n", "directives", (1, 1)),
        (b"a: .nan\n", "not finite", (1, 4)),
        (b"a: 1e999\n", "not finite", (1, 4)),
        (b"a: 9223372036854775808\n", "64 bits", (1, 4)),
        (b"a: " + b"9" * 100_000, "64 bits", (1, 4)),
        (b"[" * 50_000, "32 levels", (1, 33)),
        (b"- " * 50_000, "32 levels", (1, 65)),
        (b"{a: " * 50_000, "32 levels", (1, 129)),
        (b"[" + b"1," * 20_000 + b"]", "10000 values", (1, 20000)),
    ],
)
def test_what_cannot_be_used_is_a_problem_with_its_place(text: bytes, message: str, place: tuple[int, int]) -> None:
    _, problems = read(text)
    assert message in problems[0].message
    assert (problems[0].line, problems[0].column) == place
    assert problems[0].file == "agent.yaml"
    assert problems[0].remedy


def test_a_tab_is_named_in_the_remedy() -> None:
    _, problems = read("a:\n\tb: 1\n")
    assert "spaces" in (problems[0].remedy or "")


def test_a_reference_that_must_be_quoted_is_named_in_the_remedy() -> None:
    _, problems = read("a: {b: ${NAME}}\n")
    assert "put ${…} in quotes" in (problems[0].remedy or "")


def test_all_problems_are_reported_at_once() -> None:
    _, problems = read("a: 1\na: 2\nb: &x 1\nc: .inf\n2: d\n")
    assert [problem.line for problem in problems] == [2, 3, 4, 5]


def test_the_number_of_problems_is_bounded() -> None:
    _, problems = read("a: 1\n" * 1000)
    assert len(problems) == MAX_PROBLEMS + 1


@pytest.mark.alone
def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ['a: &a ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]']
    names = "abcdefghij"
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{','.join(['*' + before] * 9)}]")
    _, problems = within(1.0, lambda: read("\n".join(lines)))
    assert problems


def test_a_file_over_the_limit_is_refused_unread() -> None:
    _, problems = read(b"a" * (MAX_BYTES + 1))
    assert "larger than 256 KiB" in problems[0].message


def test_a_byte_order_mark_is_no_problem() -> None:
    assert data("\ufefftype: a\n") == {"type": "a"}


def test_what_is_below_a_problem_is_unusable() -> None:
    document, _ = read("a: &x {b: 1}\nc: 1\n")
    assert document is not None
    assert document.is_unusable(("a", "b"))
    assert not document.is_unusable(("c",))


SEED = b'type: react_agent\ntools:\n  - name: refund\n    approval: "args.amount > 50"\nprompt: |\n  Hi {{ x }}\n'


PIECES = [
    b"&a ",
    b"*a",
    b"!!str ",
    b"<<: ",
    b"---\n",
    b"\t",
    b"[",
    b"{",
    b"? ",
    b"- ",
    b"%",
    b"\0",
    b"\xff",
    b'"\\',
    b"|",
]


@pytest.mark.alone
@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.sampled_from(PIECES) | st.binary(max_size=4)), max_size=6))
@settings(max_examples=150)
def test_any_bytes_give_data_or_problems(cuts: list[tuple[int, bytes]]) -> None:
    content = SEED
    for at, piece in cuts:
        content = content[:at] + piece + content[at + len(piece) // 2 :]
    document, problems = within(1.0, lambda: read(content))
    assert document is not None or problems
    assert all(problem.file == "agent.yaml" for problem in problems)
