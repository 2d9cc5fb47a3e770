"""Decides which addresses a request may reach, to prevent server-side request forgery (SSRF).

The table of refused networks is explicit, since `ipaddress.is_private` knows neither 100.64/10 nor NAT64. Addresses are
checked at connection time: the resolver checks every answer, and a socket is created only for an address that passes.
The name is resolved only once, so a DNS answer that changes afterwards has no effect.
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
_GLOBAL_6 = IPv6Network("2000::/3")  # all global unicast addresses; others are refused
_NAT64 = IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f\\]")
_LONGEST_URL = 8192
_LONGEST_NAME = 253


class Address(msgspec.Struct, frozen=True):
    """The parts of a URL, and the URL rebuilt from them so that it has only one reading."""

    url: str
    origin: str
    scheme: str
    host: str  # lower case, without brackets or trailing dot
    port: int
    literal: bool  # the host is an IP address


def address_refused(url: str, why: str) -> ServiceError:
    """Return the error for a URL that must not be requested."""
    return ServiceError(f"{url[:200]!r} is not asked: {why}", code="address_refused")


def parse_address(url: str) -> Address:
    """Return the parts of a URL, without checking whether it may be reached.

    Raises:
        ServiceError: `address_refused`: it is not a plain http or https URL.
    """
    if len(url) > _LONGEST_URL or _UNWRITABLE.search(url):
        raise address_refused(url, "it is too long, or has blanks, backslashes or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise address_refused(url, "it is not a valid URL") from None
    if parts.scheme not in ("http", "https"):
        raise address_refused(url, "only http and https are spoken")
    if "@" in parts.netloc:
        raise address_refused(url, "it carries a user or password")
    if port == 0:
        raise address_refused(url, "its port is 0")
    literal = "[" in parts.netloc or _is_number(host)
    host = _literal(url, host) if literal else _name(url, host)
    port = port or (443 if parts.scheme == "https" else 80)
    bracketed = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{bracketed}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return Address(f"{origin}{parts.path or '/'}{query}", origin, parts.scheme, host, port, literal)


def _is_number(host: str) -> bool:
    """Return whether some resolver would read the host as an IPv4 address: 127.1, 0x7f.1, 2130706433, 0177.0.0.1."""
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _literal(url: str, host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        raise address_refused(url, "an address is written as four decimal numbers, or as IPv6 in brackets") from None


def _name(url: str, host: str) -> str:
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise address_refused(url, "its host is no name (international names are written as xn--…)")
    return host.rstrip(".")


def refusal_reason(address: str) -> str | None:
    """Return why this IP address must not be reached; None if it is public. A text that is no address is refused."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "no address"
    if isinstance(ip, IPv4Address):
        return next((reason for network, reason in _TABLE_4 if ip in network), None)
    return _refusal_reason_6(ip)


def _refusal_reason_6(ip: IPv6Address) -> str | None:
    inner = ip.ipv4_mapped
    if inner is None and ip in _NAT64:
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return refusal_reason(str(inner))
    if ip not in _GLOBAL_6:
        return "no public IPv6 address"
    return next((reason for network, reason in _TABLE_6 if ip in network), None)


def check_literal(address: Address) -> None:
    """Check the host of a URL, if it is an IP address.

    Raises:
        ServiceError: `address_refused`: the IP address is not public.
    """
    why = refusal_reason(address.host) if address.literal else None
    if why is not None:
        raise address_refused(address.url, f"{address.host} is not public ({why})")


def is_listed(address: Address, hosts: tuple[str, ...]) -> bool:
    """Return whether an allow-list contains the address.

    Entries are names (`api.example`) or suffixes (`*.example`: all subdomains), either with an optional `:port`.
    """
    return any(_matches(address, entry.lower()) for entry in hosts)


def _matches(address: Address, entry: str) -> bool:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.startswith("[")):
        if int(port) != address.port:
            return False
        entry = name
    if entry == "*":
        return True
    entry = entry.strip("[]").rstrip(".")
    if entry.startswith("*."):
        return not address.literal and address.host.endswith(entry[1:])
    return address.host == entry
