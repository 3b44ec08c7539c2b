"""Generated passwords hold each kind of character and nothing that was excluded."""

import re
import string

import pytest

from secrets_store.logic.random_password import random_password

SMTP_PASSWORD = re.compile(r"[A-Za-z0-9!@#$%^&*()_+\-=\[\]{}|.,?]{8,64}")


def test_default_is_an_smtp_password_with_each_kind():
    for _ in range(50):
        password = random_password()
        assert SMTP_PASSWORD.fullmatch(password)
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(kind) & set(password)


def test_excluded_characters_are_absent():
    assert set(random_password(500, exclude=string.ascii_letters)) <= set(
        string.digits + "!@#$%^&*()_+-=[]{}|.,?"
    )


@pytest.mark.parametrize(
    ("length", "options"), [(3, {}), (0, {}), (4097, {}), (8, {"exclude": string.printable})]
)
def test_impossible_wishes_are_refused(length, options):
    with pytest.raises(ValueError, match=r"length|excluded"):
        random_password(length, **options)
