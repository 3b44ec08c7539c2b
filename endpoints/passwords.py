"""SMTP passwords: their rules (secrets_store.password_hashes keeps them)."""

from core import service_model
from secrets_store.logic.random_password import random_password

MIN_LENGTH, MAX_LENGTH = 8, 64  # SmtpPassword of the service model
_SYMBOLS = "!@#%+=_-"  # of the allowed ones those that shells, URLs and INI files leave alone


def is_allowed(password: str) -> bool:
    """Whether the service model's SmtpPassword takes it."""
    return not service_model.problems("SmtpPassword", password)


def generate_password() -> str:
    """32 characters, of each class at least one: other systems that share it often ask for that."""
    return random_password(punctuation=_SYMBOLS)
