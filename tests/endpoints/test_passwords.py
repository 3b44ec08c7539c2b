"""SMTP passwords: rules and making."""

import pytest

from endpoints.passwords import generate_password, is_allowed


@pytest.mark.parametrize(
    ("password", "allowed"),
    [
        ("abcdefgh", True),
        ("a" * 64, True),
        ("aA1!@#$%^&*()_+-=[]{}|.,?", True),
        ("abcdefg", False),
        ("a" * 65, False),
        ("with space", False),
        ("quote'quote", False),
        ("passwörd", False),
        ("line\nbreak", False),
        ("abcdefgh\n", False),
        ("", False),
    ],
)
def test_the_service_model_decides_what_is_allowed(password, allowed):
    assert is_allowed(password) is allowed


def test_generated_passwords_are_allowed_and_differ():
    passwords = {generate_password() for _ in range(50)}
    assert len(passwords) == 50
    assert all(map(is_allowed, passwords))
