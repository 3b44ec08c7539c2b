"""Passwords that nobody has to think of (GetRandomPassword of the service)."""

import secrets
import string
from collections.abc import Callable, Sequence

MIN_LENGTH, MAX_LENGTH, DEFAULT_LENGTH = 1, 4096, 32

# All that an SMTP password may hold (SmtpPassword of the service model), by kind.
SMTP_PUNCTUATION = "!@#$%^&*()_+-=[]{}|.,?"


def random_password(
    length: int = DEFAULT_LENGTH,
    *,
    exclude: str = "",
    punctuation: str = SMTP_PUNCTUATION,
    require_each_kind: bool = True,
    choose: Callable[[Sequence[str]], str] = secrets.choice,
) -> str:
    """`length` characters, by default one of each kind at least.

    ValueError where `exclude` leaves nothing to choose from, or `length` is too short for each kind.
    """
    kinds = [
        "".join(character for character in kind if character not in exclude)
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, punctuation)
    ]
    kinds = [kind for kind in kinds if kind]
    if not kinds:
        raise ValueError("every character is excluded")
    if not MIN_LENGTH <= length <= MAX_LENGTH or (require_each_kind and length < len(kinds)):
        raise ValueError(f"the length must be {len(kinds) if require_each_kind else 1} to {MAX_LENGTH}")
    alphabet = "".join(kinds)
    characters = [choose(kind) for kind in kinds] if require_each_kind else []
    characters += [choose(alphabet) for _ in range(length - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)
