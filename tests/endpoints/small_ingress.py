"""The least that an ingress does: follows the snapshot, listens, greets with 220 or 421, and closes."""

import asyncio
import contextlib
import threading

from django.conf import settings

from endpoints.snapshot import SnapshotSource


class SmallIngress:
    def __init__(self):
        self.source = SnapshotSource(self.apply)
        self.snapshots = []
        self.listeners = {}

    async def apply(self, snapshot):
        wanted = {
            (address, port): endpoint
            for address, endpoint in snapshot.by_address.items()
            for port in (settings.SMTP_PORT, settings.SUBMISSION_PORT)[: 1 + (endpoint.type == "AUTH")]
        }
        for place in self.listeners.keys() - wanted.keys():
            self.listeners.pop(place).close()
        for place in wanted.keys() - self.listeners.keys():
            self.listeners[place] = await asyncio.start_server(self.greet, *place)
        self.snapshots.append(snapshot)

    async def greet(self, reader, writer):
        endpoint = self.source.current.by_address[writer.get_extra_info("sockname")[0]]
        greets = endpoint.is_open_for_mail or endpoint.is_probed
        greeting = f"220 {endpoint.host_name} ESMTP" if greets else "421 4.3.2 closed"
        writer.write(greeting.encode() + b"\r\n")
        await reader.readline()
        writer.close()

    async def run(self, started, stop):
        await self.source.start()
        started.set()
        await stop.wait()
        await self.source.close()
        for listener in self.listeners.values():
            listener.close()


@contextlib.contextmanager
def serve_small_ingress():
    ingress = SmallIngress()
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(ingress.run(started, stop),))
    thread.start()
    try:
        assert started.wait(10), "small ingress not started"
        yield ingress
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
