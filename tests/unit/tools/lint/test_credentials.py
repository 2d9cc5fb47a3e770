"""What looks like a credential written out."""

from __future__ import annotations

import pytest

from journeyman.tools.lint.credentials import is_credential


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "sk-" + "a1B2" * 6),
        ("x", "ghp_" + "a1B2" * 6),
        ("x", "AKIA" + "A1B2" * 4),
        ("x", "-----BEGIN RSA PRIVATE KEY-----"),
        ("x", "Bearer abcdef0123456789"),
        ("x", "postgres://shop:hunter2@db.example/shop"),
        ("api_key", "x8Kq2LmP0z"),
        ("password", "correct-horse-7"),
    ],
)
def test_credentials(name: str, text: str) -> None:
    assert is_credential(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "x8Kq2LmP0z"),
        ("api_key", "${API_KEY}"[:7]),
        ("password", "change me please"),
        ("token", "aaaaaaaaaaaa"),
        ("secret", "short1"),
        ("url", "https://shop.example/orders"),
        ("x", "sk-short"),
    ],
)
def test_what_is_none(name: str, text: str) -> None:
    assert not is_credential(name, text)
