"""How SMTP passwords are kept: Argon2id (RFC 9106), typed at an endpoint or `password` of a secret."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# 19 MiB, two passes, one lane: the least that OWASP's cheat sheet recommends. AUTH has to answer in
# tens of milliseconds, and a burst of wrong passwords must not take all memory.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def is_match(password_hash: str, password: str) -> bool:
    """Constant-time for equal parameters; False for a hash that is none."""
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
