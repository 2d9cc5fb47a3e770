"""`http_get`: reads a public web address."""

from __future__ import annotations

from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import ToolContext
from journeyman.tools.tool import BaseTool

_TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript", "+json", "+xml")


class HttpGet(BaseTool):
    """The tool that fetches a URL. Private, loopback, link-local and metadata addresses are refused, redirects too."""

    name = "http_get"
    description = "Read a public http or https address."
    effects = "none"

    async def run(self, url: str, ctx: ToolContext) -> dict[str, JSON]:
        """Read a public http or https address.

        Args:
            url: The address, beginning with http:// or https://.
        """
        reply = await ctx.http.get(url, public_only=True)
        kind = reply.headers.get("content-type", "")
        found: dict[str, JSON] = {"status": reply.status, "url": reply.url, "content_type": kind}
        if not kind or any(part in kind for part in _TEXTUAL):
            return {**found, "text": reply.text}
        return {**found, "bytes": len(reply.body)}
