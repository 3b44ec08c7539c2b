"""Stock aiosmtpd on `ADDRESS PORT FOLDER [CHAIN KEY]`: says 250 when the message is on disk, in a file of its
own with one sync, as Postfix does it; written in a thread, so that several wait for the disk at once."""

import asyncio
import os
import resource
import ssl
import sys
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

_MAX_BYTES = 41_943_040


class FileHandler:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        await asyncio.to_thread(self._store, self._folder / f"{next(self._numbers)}.eml", envelope.content)
        return "250 2.0.0 Ok"

    def _store(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


async def serve(address: str, port: int, folder: Path, context: ssl.SSLContext | None) -> None:
    handler = FileHandler(folder)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="mail.bench.example", data_size_limit=_MAX_BYTES, tls_context=context),
        address,
        port,
        backlog=4096,
    )
    await server.serve_forever()


def main(address: str, port: str, folder: str, *certificate: str) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
    asyncio.run(serve(address, int(port), Path(folder), context))


if __name__ == "__main__":
    main(*sys.argv[1:])
