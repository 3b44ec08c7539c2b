"""Names and addresses of hosts, as people type them into forms."""

import ipaddress
import re

MAX_HOST_CHARACTERS = 253  # RFC 1035 §2.3.4: 255 octets on the wire, less first length and root

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
