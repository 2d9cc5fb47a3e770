"""The addresses of a gateway: checks its URL, and makes those of its endpoints. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

CHAT = "/chat/completions"
RESPONSES = "/responses"
MODELS = "/models"
_ENDPOINTS = (CHAT, RESPONSES)  # a URL may end with one of these


def check_url(url: str) -> None:
    """Check that the URL can be that of a gateway.

    Raises:
        ValueError: It cannot; the message says what to do.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("Begin the gateway's URL with http:// or https://, for example http://127.0.0.1:4000.")
    if "#" in url:
        raise ValueError(
            "Remove the fragment from the gateway's URL, which is # and what follows it: no server gets it."
        )


def endpoint_url(url: str, endpoint: str = CHAT) -> str:
    """Return the URL of an endpoint. The gateway's URL may end with an endpoint already, and its query is kept."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    base = next((path.removesuffix(known) for known in _ENDPOINTS if path.endswith(known)), path)
    return urlunsplit((parts.scheme, parts.netloc, base + endpoint, parts.query, ""))


def means_responses(url: str) -> bool:
    """Return whether the gateway's URL is that of its Responses API."""
    return urlsplit(url).path.rstrip("/").endswith(RESPONSES)


def with_parameter(url: str, name: str, value: str) -> str:
    """Return the URL with one more parameter in its query."""
    separator = "&" if urlsplit(url).query else "?"
    return f"{url}{separator}{quote(name, safe='')}={quote(value, safe='')}"


def shown_url(url: str) -> str:
    """Return the URL as people may see it: without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
