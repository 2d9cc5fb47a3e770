"""Requirement: pictures and files go to agents and are kept as long as a thread names them, and no longer."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journeyman.journal.sqlite.verify import verify_journal
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import Answer, request
from tests.harness.picky_gateway import Body, PickyGateway
from tests.harness.pictures import png

FILE = "type: react_agent\nname: eyes\nmodel: {name: m, vision: VISION}\n"
URL = "data:image/png;base64," + base64.b64encode(png(3, 2)).decode()


def seen(body: Body) -> str:
    """What the model says: the kinds of parts of each message."""
    kinds = [
        "+".join(part["type"] for part in content) if isinstance(content := message["content"], list) else "text"
        for message in body["messages"]
    ]
    return " ".join(kinds)


class BlindGateway(PickyGateway):
    """A gateway whose model takes no pictures."""

    def refusal(self, body: Body) -> str | None:
        return "this model does not support image input" if "image_url" in json.dumps(body) else None


class CallingGateway(PickyGateway):
    """A gateway whose model calls every tool once, with arguments that name its place, and then says what it sees."""

    def message(self, body: Body) -> Body:
        if any(message["role"] == "tool" for message in body["messages"]):
            return {"role": "assistant", "content": seen(body)}
        functions = [tool["function"]["name"] for tool in body["tools"]]
        calls = [
            {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": "{}"}}
            for number, name in enumerate(functions)
        ]
        return {"role": "assistant", "content": None, "tool_calls": calls}


TOOLS = """
from journeyman import ToolFile, tool

PNG = bytes.fromhex("HEX")


@tool(effects="none")
async def shot() -> list:
    \"\"\"Take a picture.\"\"\"
    return ["Here it is.", ToolFile(PNG, "shot.png")]


@tool(effects="none")
def plot() -> ToolFile:
    \"\"\"Draw a plot.\"\"\"
    return ToolFile(PNG + b"other", "plot.png")
"""


@asynccontextmanager
async def served(
    folder: Path, gateway: PickyGateway, vision: str = "auto", database: str = "", tools: str = "", **settings: Any
) -> AsyncIterator[App]:
    (folder / "agent.yaml").write_text(FILE.replace("VISION", vision) + tools)
    database = database or f"sqlite:///{folder / 'j.db'}"
    read = Settings.read(database_url=database, debug=True, litellm_gateway_url=gateway.url, max_retries=0, **settings)
    app = App(read, folder / "agent.yaml")
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def sent(app: App, data: bytes = b"", name: str = "a.png") -> str:
    answer = await request(app, "POST", f"/files?name={name}", body=data or png(3, 2))
    assert answer.status == 201, answer.text
    file_id: str = answer.json()["file_id"]
    return file_id


async def asked(app: App, *parts: Any, thread: str = "t") -> Answer:
    content = [{"type": "text", "text": "what is it?"}, *parts]
    return await request(app, "POST", "/process", json={"user_input": content, "thread_id": thread})


def stored(folder: Path) -> list[str]:
    files = folder / "j.db.files"
    return sorted(path.name for path in files.iterdir()) if files.is_dir() else []


async def test_a_picture_is_shown_to_the_model_in_every_turn(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        file = await sent(app)
        assert (await asked(app, {"type": "image", "file": file})).json()["response"] == "text+image_url"
        assert (await asked(app)).json()["response"] == "text+image_url text text"
        shown = gateway.bodies[0]["messages"][0]["content"][1]["image_url"]["url"]
        assert base64.b64decode(shown.partition(",")[2]) == png(3, 2)
        assert gateway.bodies[1]["messages"][0] == gateway.bodies[0]["messages"][0]


async def test_bytes_of_a_request_are_stored_and_never_in_an_event(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        answer = (
            await asked(app, {"type": "image", "url": URL}, {"type": "file", "url": "data:,a,b", "name": "a"})
        ).json()
        assert answer["response"] == "text+image_url+text"
        events = (await request(app, "GET", f"/runs/{answer['run_id']}/events")).json()["items"]
        assert "base64" not in json.dumps(events)
        parts = events[0]["data"]["input"]["content"]
        assert sorted(part["file"] for part in parts[1:]) == stored(tmp_path)


async def test_a_model_that_refuses_pictures_gets_notes_from_then_on(tmp_path: Path) -> None:
    async with BlindGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        part = {"type": "image", "file": await sent(app)}
        for turn in range(2):
            assert (await asked(app, part, thread=f"t{turn}")).json()["response"] == "text"
        assert len(gateway.bodies) == 3, "it is learned once"
        assert "this model cannot see pictures" in gateway.bodies[2]["messages"][0]["content"]
        learned = (await request(app, "GET", "/debug/services")).json()["learned"]
        assert learned[0]["without_parts"] == ["image"]


async def test_vision_is_not_learned_where_it_is_said(tmp_path: Path) -> None:
    async with BlindGateway(answer=seen) as gateway, served(tmp_path, gateway, "true") as app:
        answer = await asked(app, {"type": "image", "file": await sent(app)})
        assert (answer.status, answer.json()["code"]) == (502, "gateway_rejected")
        assert len(gateway.bodies) == 1
    async with BlindGateway(answer=seen) as gateway, served(tmp_path, gateway, "false") as app:
        answer = await asked(app, {"type": "image", "file": await sent(app)}, thread="u")
        assert answer.json()["response"] == "text"
        assert len(gateway.bodies) == 1


async def test_files_go_with_their_last_thread(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        file, other = await sent(app), await sent(app, b"other")
        run = (await asked(app, {"type": "image", "file": file})).json()["run_id"]
        fork = (await request(app, "POST", f"/runs/{run}/fork", json={"at": 2})).json()
        await request(app, "DELETE", "/threads/t")
        assert stored(tmp_path) == sorted((file, other)), "the fork still has it"
        await request(app, "GET", f"/runs/{fork['run_id']}/events", headers={"accept": "text/event-stream"})
        await request(app, "DELETE", f"/threads/{fork['thread_id']}")
        assert stored(tmp_path) == [other], "it was not used yet, so it waits"
        assert (await request(app, "GET", f"/files/{file}")).status == 404


async def test_a_prune_deletes_files_too(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        await asked(app, {"type": "image", "file": await sent(app)})
        pruned = await request(app, "POST", "/retention/prune", json={"threads": 0})
        assert pruned.json()["erased"] == 1
        assert stored(tmp_path) == []


async def test_files_outlive_their_process(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway:
        async with served(tmp_path, gateway) as app:
            file = await sent(app)
            await asked(app, {"type": "image", "file": file})
        (tmp_path / "j.db.files" / "file_lost").write_bytes(b"written by a process that died")
        async with served(tmp_path, gateway) as app:
            assert (await request(app, "GET", f"/files/{file}")).body == png(3, 2)
            assert (await asked(app)).json()["response"] == "text+image_url text text"
            assert stored(tmp_path) == [file]
    assert verify_journal(tmp_path / "j.db", 10) == []


async def test_a_journal_in_memory_has_its_files_in_memory(tmp_path: Path) -> None:
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway, database="memory://") as app:
        file = await sent(app)
        assert (await asked(app, {"type": "image", "file": file})).json()["response"] == "text+image_url"
        assert (await request(app, "GET", f"/files/{file}")).body == png(3, 2)
        assert stored(tmp_path) == []


async def test_what_is_no_usable_part_is_refused_and_starts_no_run(tmp_path: Path) -> None:
    parts = [
        ({"type": "image", "url": "https://example.com/a.png"}, 422, "unsupported_content"),
        ({"type": "image"}, 422, "unsupported_content"),
        ({"type": "image", "url": "data:,text"}, 422, "not_a_picture"),
        ({"type": "file", "file": "file_none"}, 404, "file_not_found"),
    ]
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway) as app:
        for part, status, code in parts:
            answer = await asked(app, part)
            assert (answer.status, answer.json()["code"]) == (status, code), part
        assert (await request(app, "GET", "/runs")).json()["items"] == []


async def test_the_settings_bound_files(tmp_path: Path) -> None:
    bounds = {"file_max_bytes": 5000, "files_max_bytes": 8192}
    async with PickyGateway(answer=seen) as gateway, served(tmp_path, gateway, **bounds) as app:
        assert (await request(app, "POST", "/files", body=b"x" * 5001)).status == 413
        await sent(app, b"1")
        await sent(app, b"2")
        full = await asked(app, {"type": "file", "url": "data:,3"})
        assert (full.status, full.json()["code"]) == (507, "files_full")


async def test_pictures_of_tools_are_stored_and_shown_after_their_round(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pictures.py").write_text(TOOLS.replace("HEX", png(5, 5).hex()))
    async with CallingGateway() as gateway, served(tmp_path, gateway, tools="tools: [shot, plot]") as app:
        answer = (await asked(app)).json()
        assert answer["response"] == "text text text text text+image_url+text+image_url", answer
        events = (await request(app, "GET", f"/runs/{answer['run_id']}/events")).json()["items"]
        ends = {each["data"]["tool"]: each["data"] for each in events if each["type"] == "tool_call_finished"}
        assert ends["shot"]["result"] == "Here it is."
        files = [ends[name]["files"] for name in ("shot", "plot")]
        assert [[part["type"] for part in parts] for parts in files] == [["image"], ["image"]]
        for (part,), data in zip(files, (png(5, 5), png(5, 5) + b"other"), strict=True):
            assert (await request(app, "GET", f"/files/{part['file']}")).body == data
        again = gateway.bodies[1]["messages"]
        assert "[Its pictures and files follow.]" in again[2]["content"]


async def test_a_result_that_does_not_fit_is_a_note_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pictures.py").write_text(TOOLS.replace("HEX", png(5, 5).hex()))
    more = {"tools": "tools: [shot]", "files_max_bytes": 100}
    async with CallingGateway() as gateway, served(tmp_path, gateway, **more) as app:
        answer = (await asked(app)).json()
        assert answer["response"] == "text text text"
        assert "The file 'shot.png' was not kept. Your files would take" in gateway.bodies[1]["messages"][2]["content"]
        assert stored(tmp_path) == []


async def test_the_offline_model_goes_on_after_a_picture_of_a_tool(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pictures.py").write_text(TOOLS.replace("HEX", png(5, 5).hex()))
    async with PickyGateway() as gateway, served(tmp_path, gateway, tools="tools: [shot]") as app:
        text = (tmp_path / "agent.yaml").read_text().replace("name: m,", "name: offline,")
        (tmp_path / "agent.yaml").write_text(text)
        await request(app, "POST", "/reload")
        answer = (await request(app, "POST", "/process", json={"user_input": "Take a shot."})).json()
        assert (answer["status"], answer.get("stopped_by")) == ("finished", None)
        assert "Here it is." in answer["response"]
        assert gateway.bodies == []
