"""Files are sent and fetched by their principal, and a browser never runs them."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from journeyman.clock import SystemClock
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileLimits, FileStore
from journeyman.ids import RandomIds
from journeyman.journal.memory import MemoryJournal
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports
from tests.harness.pictures import png
from tests.harness.secured_api import SecuredApp


def app_with(each: int = 1000, all: int = 10_000) -> ASGIApp:
    files = FileStore(MemoryJournal(), MemoryBlobs(), SystemClock(), RandomIds(), FileLimits(each=each, all=all))
    return build_app(make_ports(files=files))


async def test_a_picture_is_stored_and_comes_back_as_an_attachment() -> None:
    app = app_with()
    sent = await request(app, "POST", "/files?name=a%20b%2Fc.png", body=png(3, 2))
    assert sent.status == 201
    answer = sent.json()
    assert (answer["media_type"], answer["width"], answer["height"], answer["bytes"]) == ("image/png", 3, 2, 71)
    got = await request(app, "GET", f"/files/{answer['file_id']}")
    assert (got.status, got.body) == (200, png(3, 2))
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b%2Fc.png"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-length"] == "71"


async def test_a_page_is_given_as_plain_text_whatever_it_says_it_is() -> None:
    app = app_with()
    sent = await request(app, "POST", "/files", body=b"<script>1</script>", headers={"content-type": "text/html"})
    got = await request(app, "GET", f"/files/{sent.json()['file_id']}")
    assert got.headers["content-type"].startswith("text/plain")
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"x" * 1001, {}, 413, "file_too_large"),
        (b"x", {"content-length": "1001"}, 413, "file_too_large"),
        (b"", {}, 422, "file_empty"),
        (png(60_000, 2), {}, 422, "picture_too_large"),
        (b"--x", {"content-type": "multipart/form-data; boundary=x"}, 415, "not_a_file"),
        (b"x", {"content-encoding": "gzip"}, 415, "encoded_body"),
    ],
)
async def test_what_is_no_acceptable_file_is_refused(
    body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await request(app_with(), "POST", "/files", body=body, headers=headers)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_a_full_store_answers_507() -> None:
    app = app_with(all=4096)
    assert (await request(app, "POST", "/files", body=b"1")).status == 201
    full = await request(app, "POST", "/files", body=b"2")
    assert (full.status, full.json()["code"]) == (507, "files_full")
    assert "4096" in full.json()["detail"]
    assert (await request(app, "POST", "/files", body=b"1")).status == 201


async def test_a_file_of_another_and_none_are_the_same(secured: SecuredApp) -> None:
    sent = await request(secured.app, "POST", "/files", body=b"x", headers=secured.bearer("run"))
    own = await secured.keys.create("reader", ["read"], principal="key:run")
    file_id = sent.json()["file_id"]
    path = f"/files/{file_id}"
    assert (await request(secured.app, "GET", path, headers={"authorization": f"Bearer {own.secret}"})).body == b"x"
    other = await request(secured.app, "GET", path, headers=secured.bearer("read"))
    none = await request(secured.app, "GET", "/files/file_none", headers=secured.bearer("read"))
    assert other.status == none.status == 404
    assert other.json()["detail"] == none.json()["detail"].replace("file_none", file_id)
