from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.openapi.address import base_url
from journeyman.tools.openapi.api import Api
from journeyman.tools.openapi.references import UnusableError
from tests.harness.openapi_documents import document


def test_the_nearest_server_counts() -> None:
    data = document({"servers": [{"url": "http://{host}:8080", "variables": {"host": {"default": "h.example"}}}]}, "/a")
    assert Api(data).server("op") == "http://h.example:8080"
    del data["paths"]["/a"]["get"]["servers"]
    assert Api(data).server("op") == "https://api.example/v1"


@pytest.mark.parametrize("servers", [[], [{"url": "/v1"}], [{}], ["x"], [{"url": "https://{host}"}]])
def test_a_server_must_be_absolute(servers: list[Any]) -> None:
    data = document({}, "/a")
    data["servers"] = servers
    with pytest.raises(UnusableError) as caught:
        Api(data).server("op")
    assert "server:" in str(caught.value.fault.remedy)


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "//h/a", "https://", "https://u:p@h", "https://h?a", "https://h#a", "https://h/../a", "https://h/%2e%2e",
     "https://h\\@e", "https://h:99999", "https://h h", "https://[::g]", "https://h/a b", "https://h/%zz", "https://ü"],
)  # fmt: skip
def test_invalid_base_urls(url: str) -> None:
    with pytest.raises(ValueError, match="server"):
        base_url(url)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://H.example/", "https://h.example"),
        ("http://127.0.0.1:80/a%20b/", "http://127.0.0.1:80/a%20b"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_valid_base_urls(url: str, base: str) -> None:
    assert base_url(url) == base
