"""The PROXY header, versions 1 and 2, with which a balancer tells whom it connects (read by aiosmtpd)."""

import asyncio
from ipaddress import ip_address

from aiosmtpd.proxy_protocol import get_proxy

from core.cidr import Address

_MAX_HEADER_BYTES = 65_536 + 16  # version 2: a length of 16 bits after 16 bytes


class BadProxyHeader(Exception):
    """`str(self)` says what is wrong with it, for our log."""


class ProxyHeader:
    """Feed it what comes; `read` returns when the header is complete, `rest` what followed it."""

    def __init__(self) -> None:
        self._stream = asyncio.StreamReader(limit=_MAX_HEADER_BYTES)

    def feed(self, chunk: bytes) -> None:
        self._stream.feed_data(chunk)

    def end(self) -> bool:
        """The peer sends no more, or is gone. Whether the connection stays open: without a header never."""
        self._stream.feed_eof()
        return False

    async def read(self) -> Address | None:
        """The client's address; None where the balancer speaks for itself (UNKNOWN, LOCAL).
        BadProxyHeader for anything else."""
        try:
            header = await get_proxy(self._stream)
        except asyncio.IncompleteReadError:  # so do balancers see whether we are there
            raise BadProxyHeader("the connection ended before it was complete") from None
        if header.error or header.version is None:
            raise BadProxyHeader(header.error or "not a PROXY header")
        if header.src_addr is None:
            return None
        try:
            return ip_address(str(header.src_addr))
        except ValueError as error:  # of a UNIX socket
            raise BadProxyHeader(str(error)) from None

    async def rest(self) -> bytes:
        """What came behind the header. Nothing may be fed any more."""
        self._stream.feed_eof()
        return await self._stream.read()
