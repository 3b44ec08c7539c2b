"""An authoritative DNS server, UDP and TCP, around `endpoints.logic.zone`."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

import dns.rcode
import structlog

from endpoints.logic.zone import Zone, answer
from metrics.registry import DNS_RESPONSES

log = structlog.get_logger()

MAX_CONNECTIONS = 150
IDLE_SECONDS = 5.0  # RFC 7766 §6.2.3: seconds, not minutes
MAX_CONNECTION_SECONDS = 60.0
_LENGTH_BYTES = 2  # RFC 1035 §4.2.2


class DnsServer:
    """Answers from `current_zone()`, asked anew for every query."""

    def __init__(self, current_zone: Callable[[], Zone]) -> None:
        self._current_zone = current_zone
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def start(self, host: str, port: int) -> None:
        """OSError where the address can't be had for both."""
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._respond), local_addr=(host, port)
        )
        try:
            self._streams = await asyncio.start_server(self._serve_stream, host, port)
        except OSError:
            self._datagrams.close()
            raise

    async def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._streams is not None:
            self._streams.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _respond(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        try:
            response = answer(self._current_zone(), wire, is_udp=is_udp)
        except Exception:  # the edge of this query: one that we can't answer ends no server
            log.exception("dns_query_failed", size_bytes=len(wire))
            return None
        if response is not None:
            DNS_RESPONSES.labels(_rcode_of(response)).inc()
        return response

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None, "asyncio runs it as a task"
        self._connections.add(task)
        try:
            async with asyncio.timeout(MAX_CONNECTION_SECONDS):
                while await self._serve_query(reader, writer):
                    pass
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # idle for too long, or gone: nobody waits for an answer
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve_query(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One message and its response; False: what came deserves none, and so does what follows."""
        async with asyncio.timeout(IDLE_SECONDS):
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            wire = await reader.readexactly(length)
            response = self._respond(wire, is_udp=False)
            if response is None:
                return False
            writer.write(len(response).to_bytes(_LENGTH_BYTES, "big") + response)
            await writer.drain()
        return True


def _rcode_of(response: bytes) -> str:
    """The last four bits of the fourth byte (RFC 1035 §4.1.1)."""
    return dns.rcode.to_text(dns.rcode.Rcode(response[3] & 0x0F))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, respond: Callable[..., bytes | None]) -> None:
        self._respond = respond

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        response = self._respond(data, is_udp=True)
        if response is not None:
            self._transport.sendto(response, addr)
