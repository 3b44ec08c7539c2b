"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import format_size, format_size_exactly, parse_size

MB = 1024 * 1024

SIZES = [
    ("25 MB", 25 * MB),
    ("25MB", 25 * MB),
    ("25mb", 25 * MB),
    ("25 MiB", 25 * MB),
    ("25 M", 25 * MB),
    ("  25   MB ", 25 * MB),
    ("0.5 MB", MB // 2),
    ("1.5 GB", 1536 * MB),
    ("0.1 KB", 102),
    ("26214400", 25 * MB),
    ("26,214,400 bytes", 25 * MB),
    ("1 byte", 1),
    ("1 B", 1),
    ("0", 0),
    ("1,024 KB", MB),
    ("2 TB", 2 * MB * MB),
    ("\uff12\uff15\u3000\uff2d\uff22", 25 * MB),  # as a Japanese keyboard types it
]


@pytest.mark.parametrize(("text", "size_bytes"), SIZES)
def test_sizes_are_read_as_people_write_them(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    ["", "MB", "25 PB", "-1 MB", "1,5 MB", "1,02 KB", "25 MB!", "1 2 MB", "1e6", "٢٥ MB", "9" * 41],
)
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="25 MB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1 KB"),
        (1536, "1.5 KB"),
        (25 * MB, "25 MB"),
        (40 * MB + 1, "40 MB"),
        (MB - 1, "1 MB"),
        (3 * MB * MB, "3 TB"),
        (5000 * MB * MB, "5,000 TB"),
    ],
)
def test_sizes_are_shown_in_the_largest_unit_that_fits(size_bytes, text):
    assert format_size(size_bytes) == text


@given(st.integers(0, 2**63))
def test_what_a_form_shows_is_read_back_to_the_byte(size_bytes):
    assert parse_size(format_size_exactly(size_bytes)) == size_bytes


def test_a_form_shows_round_sizes_round():
    assert format_size_exactly(25 * MB) == "25 MB"
    assert format_size_exactly(1025) == "1025 bytes"
