"""`get_username`: the name of the user that started the run."""

from __future__ import annotations

import getpass

from journeyman.tools.tool import BaseTool, ToolContext


class GetUsername(BaseTool):
    """The tool that returns the principal's name, or that of the system's user if authentication is off."""

    name = "get_username"
    description = "Get the name of the user who is asking."
    effects = "none"

    async def run(self, ctx: ToolContext) -> str:
        if ctx.principal != "local":
            return ctx.principal
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user without an entry in passwd
            return ctx.principal
