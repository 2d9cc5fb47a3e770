"""Bytes and data URLs are turned into each other, and what is none is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.files.data_urls import data_of, data_url


@given(st.binary(), st.sampled_from(["image/png", "application/octet-stream"]))
def test_bytes_come_back(data: bytes, media_type: str) -> None:
    assert data_of(data_url(media_type, data)) == data


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:,a%20b", b"a b"),
        ("DATA:text/plain;charset=utf-8,caf%C3%A9", "café".encode()),
        ("data:;base64,YQ%3D%3D", b"a"),
        ("data:image/png;BASE64,YQ==", b"a"),
    ],
)
def test_every_form_is_read(url: str, data: bytes) -> None:
    assert data_of(url) == data


@pytest.mark.parametrize("url", ["", "data:", "https://x/y,z", "data:;base64,!!", "data:;base64,YQ", "xdata:,a"])
def test_what_is_no_data_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"base64|begin"):
        data_of(url)
