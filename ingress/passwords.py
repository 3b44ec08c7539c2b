"""AUTH: Argon2 off the event loop, in few threads, so that wrong passwords stall nobody."""

import asyncio
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from aiosmtpd.smtp import AuthResult, LoginPassword

from endpoints.logic.snapshot import Credential, ServedEndpoint
from secrets_store.password_hashes import verify_password

_MAX_REMEMBERED = 10_000
_MAX_WAITING = 200  # checks; at some 150 a second and core more than a second of work


class Overloaded(Exception):
    """So many checks wait that the client shall come again."""


class PasswordChecker:
    """`check` on the event loop. A password that was right once is recognised without Argon2.

    What is remembered of it is a keyed hash that covers the stored hash too, under a key that only
    this process has: a changed credential is a new question, and a crash dump without the key no help.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            max_workers=max(1, os.cpu_count() or 1), thread_name_prefix="argon2"
        )
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._waiting = 0

    async def check(self, endpoint: ServedEndpoint, offered: LoginPassword, now: datetime) -> AuthResult:
        """The user name is the endpoint's ID. Overloaded where too many checks wait.

        A wrong user name costs as much time as a wrong password: neither tells of the other.
        """
        valid = [
            credential
            for credential in endpoint.credentials
            if credential.expires_at is None or credential.expires_at > now
        ]
        is_right_name = hmac.compare_digest(offered.login, endpoint.id.encode())
        is_right = await self._matches_any(valid, offered.password)
        success = is_right and is_right_name
        return AuthResult(success=success, auth_data=endpoint.id if success else None)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _matches_any(self, credentials: list[Credential], password: bytes) -> bool:
        marks = [self._mark(credential, password) for credential in credentials]
        if any(mark in self._remembered for mark in marks):
            return True
        if self._waiting >= _MAX_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            for credential, mark in zip(credentials, marks, strict=True):
                if await self._verify(credential.password_hash, password):
                    self._remembered[mark] = None
                    while len(self._remembered) > _MAX_REMEMBERED:
                        self._remembered.popitem(last=False)
                    return True
        finally:
            self._waiting -= 1
        return False

    async def _verify(self, password_hash: str, password: bytes) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, verify_password, password_hash, password)

    def _mark(self, credential: Credential, password: bytes) -> bytes:
        return hashlib.blake2b(
            credential.password_hash.encode() + b"\0" + password, key=self._key, digest_size=32
        ).digest()
