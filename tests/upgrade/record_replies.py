"""Record the journal of replies with opaque fields. It runs on the source of 0.1, whose path comes first:

    PYTHONPATH=<0.1>/src:. python tests/upgrade/record_replies.py

What it wrote is never written again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import apsw

from tests.harness.real_server import RealServer
from tests.upgrade.replying_gateway import REPLIES, ReplyingGateway

HERE = Path(__file__).parent
STORED = HERE / "replies" / "replies.0.1.sqlite"


async def ask(http: aiohttp.ClientSession, url: str, words: str) -> dict[str, Any]:
    body = {"user_input": words, "thread_id": words, "background": True}
    async with http.post(f"{url}/process", json=body) as answer:
        return json.loads(await answer.text())


async def until(http: aiohttp.ClientSession, url: str, run: str, wanted: str) -> None:
    for _ in range(500):
        async with http.get(f"{url}/runs/{run}/events") as answer:
            if f'"{wanted}"' in await answer.text():
                return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"no {wanted} in run {run}")


async def record() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE / "agents" / "replies", folder / "replies")
        (folder / "replies" / "hold").touch()
        async with ReplyingGateway() as gateway, aiohttp.ClientSession(trust_env=False) as http:
            server = RealServer(folder, folder / "replies", {"LITELLM_GATEWAY_URL": gateway.url, "AUTH_MODE": "off"})
            try:
                await server.start()
                runs = {words: (await ask(http, server.url, words))["run_id"] for words in REPLIES}
                ends = {"refund": "run_paused", "purge": "tool_call_started"}
                for words, run in runs.items():
                    await until(http, server.url, run, ends.get(words, "run_finished"))
                await asyncio.sleep(1)
                await server.kill()
            except BaseException:
                print(server.tail())
                raise
            finally:
                await server.close()
        db = apsw.Connection(str(server.database))
        db.pragma("wal_checkpoint(TRUNCATE)")
        db.execute("VACUUM")
        db.pragma("wal_checkpoint(TRUNCATE)")
        db.close()
        shutil.copyfile(server.database, STORED)
        STORED.with_name("replies.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(record())
