"""A tool with every kind of argument, and the check of its arguments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from journeyman.tools.schema.describe import describe
from journeyman.tools.tool import Sensitive, ToolContext, tool


def check(function: Any, values: dict[str, Any]) -> dict[str, Any]:
    arguments = describe(function).arguments
    assert arguments is not None
    return arguments.check(values)


@tool
async def described(
    a: int,
    b: Literal["x", "y"] = "x",
    d: Annotated[float, Field(gt=0, description="own words")] = 1.0,
    title: str = "",
    secret: Annotated[str, Sensitive] = "",
    ctx: ToolContext | None = None,
) -> str:
    """Do it all.

    More of it.

    Args:
        a: how
            many
        title (str): a property named title
    """
    return "ok"
