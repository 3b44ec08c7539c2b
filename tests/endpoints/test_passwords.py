"""SMTP passwords: rules, making, hashing."""

import pytest

from endpoints.passwords import generate_password, hash_password, is_allowed, verify_password


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


def test_a_hash_tells_its_password_from_others_and_holds_no_password():
    password_hash = hash_password("abcdefgh")
    assert password_hash.startswith("$argon2id$v=19$m=8192,t=2,p=1$")
    assert "abcdefgh" not in password_hash
    assert verify_password(password_hash, "abcdefgh")
    assert verify_password(password_hash, b"abcdefgh")
    assert not verify_password(password_hash, "abcdefgH")
    assert not verify_password(password_hash, b"\xff\x00" * 1000)
    assert hash_password("abcdefgh") != password_hash


@pytest.mark.parametrize("broken", ["", "plain", "$argon2id$v=19$m=8192,t=2,p=1$", "$argon2id$broken"])
def test_a_hash_that_cannot_be_read_matches_nothing(broken):
    assert not verify_password(broken, "abcdefgh")
