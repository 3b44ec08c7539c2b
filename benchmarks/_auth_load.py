"""A client that does nothing but sign in: connect, EHLO, STARTTLS, EHLO, AUTH LOGIN, QUIT."""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

_STEP_SECONDS = 30.0  # a server that stalls for longer ends the benchmark


@dataclass(frozen=True)
class Account:
    way: str
    address: str
    port: int
    login: str
    password: str


@dataclass(frozen=True)
class AuthLoad:
    """`sessions` at once for `seconds`, each conversation with the next account."""

    sessions: int
    seconds: float
    is_tls: bool
    is_right: bool


def sign_in(accounts: Sequence[Account], load: AuthLoad) -> tuple[int, float]:
    """Conversations that ended as they had to, and the seconds until the last did. AssertionError else."""
    return uvloop.run(_sign_in(accounts, load))


async def _sign_in(accounts: Sequence[Account], load: AuthLoad) -> tuple[int, float]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the servers are measured, not this client
    done = 0
    started_at = time.perf_counter()

    async def repeat() -> None:
        nonlocal done
        while time.perf_counter() - started_at < load.seconds:
            account = accounts[done % len(accounts)]
            done += 1
            async with asyncio.timeout(_STEP_SECONDS):
                await _converse(account, load, context if load.is_tls else None)

    async with asyncio.TaskGroup() as group:
        for _ in range(load.sessions):
            group.create_task(repeat())
    return done, time.perf_counter() - started_at


async def _converse(account: Account, load: AuthLoad, context: ssl.SSLContext | None) -> None:
    reader, writer = await asyncio.open_connection(account.address, account.port)

    async def say(line: bytes, expected: bytes) -> None:
        writer.write(line + b"\r\n")
        await hear(expected)

    async def hear(expected: bytes) -> None:
        while (reply := await reader.readline())[3:4] == b"-":
            pass
        assert reply.startswith(expected), f"{account.address}: {reply!r} instead of {expected.decode()}"

    try:
        await hear(b"220")
        await say(b"EHLO client.example", b"250")
        if context is not None:
            await say(b"STARTTLS", b"220")
            await writer.start_tls(context)
            await say(b"EHLO client.example", b"250")
        await say(b"AUTH LOGIN", b"334")
        await say(b64encode(account.login.encode()), b"334")
        password = account.password if load.is_right else f"{account.password}!"
        await say(b64encode(password.encode()), b"235" if load.is_right else b"535")
        await say(b"QUIT", b"221")
    finally:
        writer.close()
