"""Which addresses a request may reach: an explicit table, never `is_private` (which knows neither 100.64/10 nor NAT64).

An address is checked where it is connected to: the resolver checks every answer, and the socket is made only for an
address that passes. There is no second look-up, so a name that changes its mind in between changes nothing.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import msgspec

from journeyman.errors import ServiceError

_REFUSED_4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local, where clouds keep their metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "reserved",
    "192.52.193.0/24": "reserved",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "reserved",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_REFUSED_6 = {
    "2001::/23": "reserved, Teredo among it",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "reserved",
    "3fff::/20": "documentation",
}
_TABLE_4 = tuple((IPv4Network(network), reason) for network, reason in _REFUSED_4.items())
_TABLE_6 = tuple((IPv6Network(network), reason) for network, reason in _REFUSED_6.items())
_GLOBAL_6 = IPv6Network("2000::/3")  # all that is given out; whatever lies outside is refused
_NAT64 = IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f\\]")
_LONGEST_URL = 8192
_LONGEST_NAME = 253


class Address(msgspec.Struct, frozen=True):
    """A URL taken apart and put together again: nothing in it means two things."""

    url: str
    origin: str
    scheme: str
    host: str  # lower case, without brackets or trailing dot
    port: int
    literal: bool  # the host is an address


def is_refused_address(url: str, why: str) -> ServiceError:
    """The error for a URL that is not asked; nothing was sent."""
    return ServiceError(f"{url[:200]!r} is not asked: {why}", code="address_refused")


def parse_address(url: str) -> Address:
    """What the URL names; whether that may be reached is another question.

    Raises ServiceError (`address_refused`): no plain http or https URL.
    """
    if len(url) > _LONGEST_URL or _UNWRITABLE.search(url):
        raise is_refused_address(url, "it is too long, or has blanks, backslashes or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise is_refused_address(url, "it is not a valid URL") from None
    if parts.scheme not in ("http", "https"):
        raise is_refused_address(url, "only http and https are spoken")
    if "@" in parts.netloc:
        raise is_refused_address(url, "it carries a user or password")
    if port == 0:
        raise is_refused_address(url, "its port is 0")
    literal = "[" in parts.netloc or _is_number(host)
    host = _literal(url, host) if literal else _name(url, host)
    port = port or (443 if parts.scheme == "https" else 80)
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return Address(f"{origin}{parts.path or '/'}{query}", origin, parts.scheme, host, port, literal)


def _is_number(host: str) -> bool:
    """Whether some resolver would read an IPv4 address in it: 127.1, 0x7f.1, 2130706433, 0177.0.0.1."""
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _literal(url: str, host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        raise is_refused_address(url, "an address is written as four decimal numbers, or as IPv6 in brackets") from None


def _name(url: str, host: str) -> str:
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise is_refused_address(url, "its host is no name (international names are written as xn--…)")
    return host.rstrip(".")


def why_refused(address: str) -> str | None:
    """Why nothing may be sent to this IP address; None: it is public. A text that is no address is refused too."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "no address"
    if isinstance(ip, IPv4Address):
        return next((reason for network, reason in _TABLE_4 if ip in network), None)
    return _why_refused_6(ip)


def _why_refused_6(ip: IPv6Address) -> str | None:
    inner = ip.ipv4_mapped
    if inner is None and ip in _NAT64:
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return why_refused(str(inner))
    if ip not in _GLOBAL_6:
        return "no public IPv6 address"
    return next((reason for network, reason in _TABLE_6 if ip in network), None)


def check_literal(place: Address) -> None:
    """Raises ServiceError (`address_refused`) where the URL names an address that may not be reached."""
    why = why_refused(place.host) if place.literal else None
    if why is not None:
        raise is_refused_address(place.url, f"{place.host} is not public ({why})")


def is_listed(place: Address, hosts: tuple[str, ...]) -> bool:
    """Whether an allow-list has it: `api.example`, `*.example` (what lies below it), either with `:port`."""
    return any(_matches(place, entry.lower()) for entry in hosts)


def _matches(place: Address, entry: str) -> bool:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.startswith("[")):
        if int(port) != place.port:
            return False
        entry = name
    if entry == "*":
        return True
    entry = entry.strip("[]").rstrip(".")
    if entry.startswith("*."):
        return not place.literal and place.host.endswith(entry[1:])
    return place.host == entry
