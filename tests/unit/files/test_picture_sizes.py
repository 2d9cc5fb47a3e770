"""The size of a picture is read from its header alone, and a damaged header gives none."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.files.content_types import PICTURES, content_type_of
from journeyman.files.picture_sizes import is_too_large, picture_size
from tests.harness.pictures import gif, jpeg, png, webp

sides = st.integers(1, 16_383)


def _size(data: bytes) -> tuple[int, int] | None:
    return picture_size(content_type_of(data), io.BytesIO(data))


@given(sides, sides)
def test_every_kind_tells_its_size(width: int, height: int) -> None:
    kinds = [webp(width, height, kind) for kind in (b"VP8 ", b"VP8L", b"VP8X")]
    for data in (png(width, 1)[:16] + png(width, height)[16:], gif(width, height), jpeg(width, height), *kinds):
        assert _size(data) == (width, height)


@given(sides, st.integers(0, 60_000))
def test_metadata_before_the_frame_of_a_jpeg_is_skipped(width: int, segment: int) -> None:
    assert _size(jpeg(width, 7, segment)) == (width, 7)


@pytest.mark.parametrize("data", [png(3, 4), gif(3, 4), jpeg(3, 4), *(webp(3, 4, k) for k in (b"VP8 ", b"VP8L"))])
def test_a_cut_header_gives_no_size(data: bytes) -> None:
    whole = next(length for length in range(len(data) + 1) if _size(data[:length]) == (3, 4))
    assert {_size(data[:length]) for length in range(whole)} == {None}


@given(st.sampled_from(PICTURES), st.binary(max_size=200))
def test_no_bytes_break_the_reader(media_type: str, data: bytes) -> None:
    size = picture_size(media_type, io.BytesIO(data))
    assert size is None or min(size) > 0


def test_a_picture_without_extent_has_no_size() -> None:
    assert _size(gif(0, 5)) is None


def test_a_type_that_is_no_picture_has_no_size() -> None:
    assert picture_size("application/pdf", io.BytesIO(b"%PDF-1.7")) is None


@pytest.mark.parametrize(("size", "refused"), [((16_384, 1), False), ((16_385, 1), True), ((9000, 9000), True)])
def test_pictures_with_too_many_pixels_are_told(size: tuple[int, int], refused: bool) -> None:
    assert is_too_large(size) is refused
