"""Hashes of SMTP passwords."""

import pytest

from secrets_store.password_hashes import hash_password, verify_password


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
