from __future__ import annotations

import asyncio
import gc
import warnings

from journeyman.tools.sandbox.detection import detect


def test_a_cancelled_detection_leaves_no_process() -> None:
    """The loop is closed right after it, as if an application stopped during the detection."""

    async def look() -> None:
        looking = asyncio.create_task(detect())
        await asyncio.sleep(0.02)
        looking.cancel()
        await asyncio.wait([looking])

    gc.collect()  # what other tests have left
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(look())
        gc.collect()
