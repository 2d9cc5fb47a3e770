from __future__ import annotations

import pytest

from journeyman.tools.openapi.credential import Credential, headers_with, url_with

KEY = Credential(place="query", name="api key", value="a&b=c")
BASIC, TOKEN = Credential(name="Authorization", value="Basic x"), Credential(name="X-Token", value="t")


def test_the_value_is_not_shown() -> None:
    assert repr((KEY, TOKEN)) == "(Credential(query 'api key', ***), Credential(header 'X-Token', ***))"


def test_headers_that_are_credentials_replace_others() -> None:
    headers = {"accept": "x", "authorization": "model's", "x-TOKEN": "model's"}
    assert headers_with(headers, (KEY, BASIC, TOKEN)) == {"accept": "x", "Authorization": "Basic x", "X-Token": "t"}
    assert headers_with(headers, ()) == headers


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a", "https://h/a?api%20key=a%26b%3Dc"),
        ("https://h/a?b=1&c", "https://h/a?b=1&c&api%20key=a%26b%3Dc"),
        ("https://h/a?api%20key=mine&api+key=mine&b=1&api%20key", "https://h/a?b=1&api%20key=a%26b%3Dc"),
    ],
)
def test_query_parameters_that_are_credentials_replace_others(url: str, expected: str) -> None:
    assert url_with(url, (BASIC, KEY)) == expected
    assert url_with(url, (BASIC,)) == url
