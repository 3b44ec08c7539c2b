"""Names and addresses of hosts, as people type them into forms."""

import ipaddress
import re

MAX_HOST_CHARACTERS = 253  # RFC 1035 §2.3.4: 255 octets on the wire, less first length and root

_WITH_PORT = re.compile(r"(?P<host>[^:\[\]]+|\[[^\[\]]+\]):(?P<port>\d{1,5})", re.ASCII)
# label = let-dig [ *(let-dig / "-") let-dig ], 63 at most (RFC 1123 §2.1)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)


def parse_host(text: str) -> str:
    """The host name in lower case without a final dot, or the IP address as it is usually written.

    An address may stand in brackets. ValueError where `text` is neither: a name whose last label is a
    number is none either, for it could only be meant as an address (RFC 1123 §2.1).
    """
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        return str(ipaddress.ip_address(bare[1:-1]))
    if ":" in bare:
        return str(ipaddress.IPv6Address(bare))
    labels = bare.removesuffix(".").split(".")
    if labels[-1].isdigit():
        return str(ipaddress.IPv4Address(bare))
    if len(bare) > MAX_HOST_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return bare.removesuffix(".").lower()


def parse_host_and_port(text: str, *, port: int) -> tuple[str, int]:
    """`host`, `host:2525`, `192.0.2.1:53`, `[2001:db8::1]:25`; `port` where none is written.

    ValueError where the host is none, or the port no number from 1 to 65535.
    """
    bare = text.strip()
    match = _WITH_PORT.fullmatch(bare)
    if match is None:
        return parse_host(bare), port
    number = int(match["port"])
    if not 1 <= number <= 65535:
        raise ValueError(f"{text!r} has no port from 1 to 65535")
    return parse_host(match["host"]), number
