"""How SMTP passwords are kept, typed at an endpoint or `password` of a secret: Argon2id (RFC 9106)."""

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

# 8 MiB and two passes take about 6 ms of one core: 150 AUTH a second for each core, where the usual
# advice for sign-in pages (19 MiB, two passes) leaves 50, and a hundred guesses at once hold 0.8 GiB.
# What is given away is a factor of 2.5 for who stole the hashes; a generated password (190 bits)
# is out of reach either way, and guesses over SMTP are limited by the ingress.
_HASHER = argon2.PasswordHasher(
    time_cost=2, memory_cost=8 * 1024, parallelism=1, hash_len=32, salt_len=16, type=argon2.Type.ID
)


def hash_password(password: str) -> str:
    """The encoded hash, parameters and salt included. Takes milliseconds: not on an event loop."""
    return _HASHER.hash(password)


def verify_password(password_hash: str, password: str | bytes) -> bool:
    """Whether `password` made that hash; False for a hash that can't be read. Takes milliseconds,
    without the GIL: from an event loop call it in a thread."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
