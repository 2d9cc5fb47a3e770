"""Secret values in texts: every encoding of one, overlaps, and texts that arrive in pieces."""

from __future__ import annotations

import base64
import json
import random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.masking import MARK, Mask, StreamingMasker, passwords, without_credentials
from tests.harness.cpu_time import within

SECRET = 'sk-k"ey/é+1 2345678'
# few letters, so that secrets overlap, repeat and contain one another
secrets = st.lists(st.text("abc", min_size=8, max_size=12), max_size=4)
letters = st.text("abcd ", max_size=60)


@st.composite
def _texts(draw: st.DrawFn) -> tuple[list[str], str]:
    known = draw(secrets)
    planted = st.sampled_from(known) if known else st.just("")
    pieces = draw(st.lists(letters | planted | planted.map(lambda secret: secret[:7]), max_size=8))
    return known, "".join(pieces)


def _cut(draw: random.Random, text: str) -> list[str]:
    places = sorted(draw.randrange(len(text) + 1) for _ in range(draw.randrange(len(text) + 1)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=300, deadline=None, database=None)
@given(_texts(), st.randoms(use_true_random=False))
def test_pieces_together_are_the_masked_whole_and_no_beginning_shows_a_secret(
    case: tuple[list[str], str], draw: random.Random
) -> None:
    known, text = case
    mask, shown = Mask(known), ""
    masker = StreamingMasker(mask)
    for piece in _cut(draw, text):
        shown += masker.feed(piece)
        assert not any(secret in shown for secret in known)
    shown += masker.finish("")
    assert shown == mask(text)
    assert not any(secret in shown for secret in known)


@settings(max_examples=200, deadline=None, database=None)
@given(_texts())
def test_only_characters_of_secrets_are_taken(case: tuple[list[str], str]) -> None:
    """Each character within an occurrence of a secret is removed, and no other."""
    known, text = case
    covered = {
        place
        for secret in known
        for start in range(len(text))
        if text.startswith(secret, start)
        for place in range(start, start + len(secret))
    }
    kept = "".join(char for place, char in enumerate(text) if place not in covered)
    assert Mask(known)(text).replace(MARK, "") == kept


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        f"redis://:{quote(SECRET, safe='')}@host/0",
    ],
)
def test_every_encoding_is_known(written: str) -> None:
    shown = Mask([SECRET])(f"before {written} after")
    assert MARK in shown
    assert "2345678" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "a user:"])
@pytest.mark.parametrize("after", ["", "!", "!!", " and more"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_known_wherever_the_value_stands_in_it(before: str, after: str, encode: object) -> None:
    assert callable(encode)
    token = encode(f"{before}{SECRET}{after}".encode()).decode()
    shown = Mask([SECRET])(f"Basic {token}")
    assert MARK in shown
    left = shown.removeprefix("Basic ").replace(MARK, "")
    assert len(left) <= len(token) - len(SECRET)


def test_what_is_short_is_no_secret() -> None:
    assert not Mask(["1234567"])
    assert Mask(["1234567"])("1234567") == "1234567"


def test_an_ordinary_text_waits_for_nothing() -> None:
    masker = StreamingMasker(Mask(["sk-0123456789"]))
    pieces = ["The ", "weather", " is fine", ", sir", " and so on"]
    assert [masker.feed(piece) for piece in pieces] == pieces


def test_the_shortest_tail_waits() -> None:
    masker = StreamingMasker(Mask(["sk-0123456789"]))
    assert masker.feed("it is sk-01") == "it is "
    assert masker.feed("2345") == ""
    assert masker.feed("x sk-0123456789") == "sk-012345x " + MARK
    assert masker.feed("s") == ""
    assert masker.finish("") == "s"


@pytest.mark.alone
def test_a_secret_that_repeats_itself_holds_nothing_back_for_long() -> None:
    mask = Mask(["a" * 64])
    masker = StreamingMasker(mask)
    within(2.0, lambda: [masker.feed("aaaa") for _ in range(5_000)])
    assert masker.finish("") == ""
    assert within(2.0, lambda: mask("a" * 20_000)) == MARK


def test_values_that_are_no_unicode() -> None:
    """A variable of the environment may be any bytes."""
    assert Mask(["abc\udcff12345"])("x abc\udcff12345") == f"x {MARK}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("redis://:hunter22@x", ("hunter22",)),
        ("postgresql://shop:p%40ss-word@db:5432/x?sslmode=require", ("p%40ss-word", "p@ss-word")),
        ("https://ann@host/a:b@c", ()),
        ("https://host/path", ()),
        ("no address: me@home", ()),
    ],
)
def test_passwords_of_addresses(text: str, found: tuple[str, ...]) -> None:
    assert passwords(text) == found


def test_the_password_of_a_known_address_is_known_alone() -> None:
    mask = Mask(["postgresql://shop:p%40ss-word@db/x"])
    assert mask("PGPASSWORD=p@ss-word") == f"PGPASSWORD={MARK}"
    assert mask("the host is db") == "the host is db"


def test_credentials_in_the_query_of_an_address_are_secrets() -> None:
    url = "https://ann:pass%2Fword@h/v1?api-version=2025-04-01&api_key=in%2Fthe-query&access_token=token-2"
    assert passwords(url) == ("pass%2Fword", "pass/word", "in%2Fthe-query", "in/the-query", "token-2")
    assert passwords("no address: ?key=value") == ()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://u:pw@h/db", "postgresql://[secret]@h/db"),
        ("postgresql://u:p@ss@h/db", "postgresql://[secret]@h/db"),
        ("postgresql://u:p/w@h/db", "postgresql://[secret]@h/db"),
        ("postgresql://u:p#w?@h/db", "postgresql://[secret]@h/db"),
        ("http://token@h:80/v1", "http://[secret]@h:80/v1"),
        ("redis://:pw@h", "redis://[secret]@h"),
        ("u:pw@h:6379", "[secret]@h:6379"),
        ("sqlite://u:pw@h/db", "sqlite://[secret]@h/db"),
        ("https://h/v1?api_key=abc&x=1", "https://h/v1?api_key=[secret]&x=1"),
        ("http://a:b@h,http://c:d@i", "http://[secret]@i"),
        ("https://h/run/@cf/model", "https://h/run/@cf/model"),
        ("sqlite:///data/journeyman.db", "sqlite:///data/journeyman.db"),
        ("http://127.0.0.1:4000/v1", "http://127.0.0.1:4000/v1"),
        ("%(name)s@%(levelname)s", "%(name)s@%(levelname)s"),
        ("ops@example.org", "ops@example.org"),
    ],
)
def test_a_setting_is_shown_without_credentials(written: str, shown: str) -> None:
    assert without_credentials(written) == shown


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=30))
def test_no_password_of_an_address_is_shown(password: str) -> None:
    assert password not in without_credentials(f"postgresql://user:{password}@host/db")
