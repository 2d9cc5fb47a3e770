"""Every spelling of an address, refused or allowed as docs/reference/http-tools.md says, without a network."""

from __future__ import annotations

import pytest

from journeyman.egress.addresses import check_literal, is_listed, parse_address, refusal_reason
from journeyman.errors import ServiceError

_REFUSED = """
http://127.0.0.1/ http://127.0.0.1:8080/x http://127.255.255.254/ http://127.1/ http://127.0.1/ http://2130706433/
http://0x7f000001/ http://0x7f.0x0.0x0.0x1/ http://0x7f.1/ http://0177.0.0.1/ http://017700000001/ http://0/
http://0.0.0.0/ http://127.0.0.1./ http://127.0.0.01/ http://4294967297/ http://1.2.3/ http://256.1.1.1/
http://10.0.0.1/ http://10.255.255.255/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/
http://100.64.0.1/ http://100.127.255.255/ http://169.254.169.254/latest/meta-data/ http://169.254.170.2/
http://192.0.0.192/ http://198.18.0.1/ http://224.0.0.1/ http://255.255.255.255/ http://240.0.0.1/
http://192.0.2.1/ http://[::1]/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
http://[::127.0.0.1]/ http://[64:ff9b::7f00:1]/ http://[64:ff9b::a9fe:a9fe]/ http://[64:ff9b:1::1]/
http://[2002:7f00:1::]/ http://[2001:0:7f00:1::]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[fc00::1]/
http://[fd00:ec2::254]/ http://[fec0::1]/ http://[ff02::1]/ http://[2001:db8::1]/ http://[100::1]/
http://[3fff::1]/ http://[5f00::1]/ http://user@8.8.8.8/ http://8.8.8.8@127.0.0.1/ http://good.example:pw@10.0.0.1/
http://8.8.8.8:0/ http://8.8.8.8:99999/ http://good.example\\@127.0.0.1/ file:///etc/passwd ftp://8.8.8.8/
gopher://8.8.8.8/ //8.8.8.8/ http:///x http:// http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://ex%61mple.com/
http://-bad.example/ http://a..example/ http://[::1/ http://[v1.fe80::a]/
"""


REFUSED = _REFUSED.split()


_ALLOWED = """
http://8.8.8.8/ https://1.1.1.1:8443/x?y=z http://172.32.0.1/ http://172.15.255.255/ http://100.128.0.1/
http://11.0.0.1/ http://[2606:4700::1111]/ http://[2a00:1450:4001::1]:8080/ http://[::ffff:8.8.8.8]/
http://[64:ff9b::808:808]/ https://good.example/ https://GOOD.example./ http://xn--bcher-kva.example/
http://under_score.example/ http://a.b.c.example/
"""


ALLOWED = _ALLOWED.split()


@pytest.mark.parametrize("url", [*REFUSED, "http://8.8.8.8/a b", "http://8.8.8.8/\r\nX: y", "http://" + "a" * 9000])
def test_refused(url: str):
    with pytest.raises(ServiceError) as caught:
        check_literal(parse_address(url))
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize("url", ALLOWED)
def test_allowed(url: str):
    check_literal(parse_address(url))


def test_the_suite_is_long_enough():
    assert len(set(REFUSED)) >= 60
    assert len(set(ALLOWED)) >= 15


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3.4.5", "0x7f.1"])
def test_what_is_no_address_is_refused(text: str):
    assert refusal_reason(text) == "no address"


@pytest.mark.parametrize(
    ("url", "hosts", "listed"),
    [
        ("https://api.example/", ("api.example",), True),
        ("https://API.example./", ("api.example",), True),
        ("https://api.example:444/", ("api.example",), True),
        ("https://api.example/", ("api.example:443",), True),
        ("https://api.example:444/", ("api.example:443",), False),
        ("https://evil-api.example/", ("api.example",), False),
        ("https://api.example.evil/", ("api.example",), False),
        ("https://x.api.example/", ("api.example",), False),
        ("https://x.api.example/", ("*.api.example",), True),
        ("https://api.example/", ("*.api.example",), False),
        ("https://xapi.example/", ("*.api.example",), False),
        ("http://[2606:4700::1111]:80/", ("[2606:4700::1111]:80",), True),
        ("https://api.example/", (), False),
    ],
)
def test_allow_lists(url: str, hosts: tuple[str, ...], listed: bool):
    assert is_listed(parse_address(url), hosts) is listed
