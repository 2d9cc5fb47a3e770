from __future__ import annotations

import pytest

from journeyman.llm.gateway.address import MODELS, check_url, endpoint_url, shown_url, with_parameter


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:4000", "http://h:4000/chat/completions"),
        ("http://h:4000/v1/", "http://h:4000/v1/chat/completions"),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ("https://h/v1/chat/completions/", "https://h/v1/chat/completions"),
        ("https://h/v1/responses", "https://h/v1/chat/completions"),
        ("https://h/o/d?api-version=1", "https://h/o/d/chat/completions?api-version=1"),
        ("https://h/o/chat/completions?api-version=1&x=%2F", "https://h/o/chat/completions?api-version=1&x=%2F"),
        ("https://u:p@h/v1", "https://u:p@h/v1/chat/completions"),
        ("http://[::1]:4000/v1", "http://[::1]:4000/v1/chat/completions"),
    ],
)
def test_a_url_is_used_as_meant(url: str, expected: str) -> None:
    check_url(url)
    assert endpoint_url(url) == expected


def test_other_endpoints_and_a_key_in_the_query() -> None:
    assert endpoint_url("https://h/v1/chat/completions?a=1", MODELS) == "https://h/v1/models?a=1"
    assert with_parameter("https://h/v1", "key", "a/b&c") == "https://h/v1?key=a%2Fb%26c"
    assert with_parameter("https://h/v1?a=1", "key", "k") == "https://h/v1?a=1&key=k"
    assert shown_url("https://u:p@h:1/v1?key=k") == "https://h:1/v1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:4000", "Begin"),
        ("ftp://h", "Begin"),
        ("http://", "Begin"),
        ("http://h:x/v1", "Begin"),
        ("http://h/v 1", "Begin"),
        ("http://h/v1\n", "Begin"),
        ("http://h/v1#part", "fragment"),
        ("http://h/v1#", "fragment"),
        ("http://h/v1?a=1#part", "fragment"),
    ],
)
def test_a_url_that_cannot_be_a_gateways_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_url(url)
