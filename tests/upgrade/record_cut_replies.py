"""Record runs with cut replies, and exported tests of them. It runs on the source of 0.1, whose path comes first:

    PYTHONPATH=<0.1>/src:. python tests/upgrade/record_cut_replies.py

What it wrote is never written again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import apsw

from tests.harness.real_server import RealServer
from tests.upgrade.record_replies import HERE, STORED, ask, until
from tests.upgrade.replying_gateway import CUT_REPLIES, ReplyingGateway

CUT = STORED.with_name("cut.0.1.sqlite")
EXPORTS = ("ran", "think")


async def record() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE / "agents" / "replies", folder / "replies")
        async with ReplyingGateway(CUT_REPLIES) as gateway, aiohttp.ClientSession(trust_env=False) as http:
            server = RealServer(folder, folder / "replies", {"LITELLM_GATEWAY_URL": gateway.url, "AUTH_MODE": "off"})
            try:
                await server.start()
                runs = {words: (await ask(http, server.url, words))["run_id"] for words in CUT_REPLIES}
                for words, run in runs.items():
                    await until(http, server.url, run, "run_paused" if words == "asked" else "run_finished")
                await server.kill()
            except BaseException:
                print(server.tail())
                raise
            finally:
                await server.close()
        for words in EXPORTS:
            target = CUT.with_name(f"{words}.yaml")
            argv = [sys.executable, "-m", "journeyman", "runs", "export", runs[words], "replies"]
            env = {**server.env, "LITELLM_GATEWAY_URL": "http://127.0.0.1:1"}
            subprocess.run([*argv, "--as-test", "-o", "t.agent-test.yaml"], check=True, cwd=folder, env=env)
            shutil.move(folder / "t.agent-test.yaml", target)
        db = apsw.Connection(str(server.database))
        db.pragma("wal_checkpoint(TRUNCATE)")
        db.execute("VACUUM")
        db.pragma("wal_checkpoint(TRUNCATE)")
        db.close()
        shutil.copyfile(server.database, CUT)
        CUT.with_name("cut.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(record())
