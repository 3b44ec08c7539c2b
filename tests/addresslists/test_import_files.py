"""Files of addresses, in whatever pieces they come, and from wherever a reader goes on."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addresslists.logic.import_files import MAX_ENTRY_BYTES, MalformedFileError, reader_of

unhurried = settings(deadline=None)


def read(kind, content, *, size=7, limit=3, position=0, number=0):
    """Everything, by small pieces and small reads; each time a new reader goes on where the last ended."""
    texts, refused = [], []
    while True:
        rest = content[position:]
        pieces = iter([rest[at : at + size] for at in range(0, len(rest), size)])
        entries = reader_of(kind, content[:65536], pieces, position, number).read(limit)
        texts += entries.texts
        refused += entries.refused
        assert position <= entries.position <= len(content)
        position, number = entries.position, entries.number
        if entries.is_end:
            return texts, refused


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"address\na@b.example\nc@d.example\n", [(2, "a@b.example"), (3, "c@d.example")]),
        (b"address\r\na@b.example\r\n\r\nc@d.example", [(2, "a@b.example"), (4, "c@d.example")]),
        (b"\xef\xbb\xbfAddress\n a@b.example \n", [(2, "a@b.example")]),
        (b'name,address\nAnn,a@b.example\n"B, C",b@c.example\nshort\n', [(2, "a@b.example"), (3, "b@c.example")]),
        (b'address,name\n"a@b.example",Ann\n', [(2, "a@b.example")]),
        (b"address\n", []),
        (b"address", []),
        ("address\njosé@bücher.example".encode(), [(2, "josé@bücher.example")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_csv_has_a_header_and_an_entry_a_line(content, texts, size):
    assert read("CSV", content, size=size) == (texts, [])


def test_lines_that_can_not_be_read_are_told_by_their_numbers():
    content = b"address\nok@b.example\n\xff\xfe\n" + b"x" * 100_000 + b"\nlast@b.example\n"
    texts, refused = read("CSV", content, size=1000)
    assert texts == [(2, "ok@b.example"), (5, "last@b.example")]
    assert [(number, reason[:18]) for number, _text, reason in refused] == [
        (3, "is no UTF-8 text"),
        (4, f"is longer than {MAX_ENTRY_BYTES:,}"[:18]),
    ]
    assert all(len(text) <= 200 for _number, text, _reason in refused)


@pytest.mark.parametrize("content", [b"", b"email\na@b.example\n", b"\xff\xfe\n", b"a@b.example\n"])
def test_a_csv_without_its_header_is_refused_as_a_whole(content):
    with pytest.raises(MalformedFileError, match="header"):
        read("CSV", content)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b'{"items":[{"address":"a@b.example"},{"address":"c@d.example"}]}', [(1, "a@b.example"), (2, "c@d.example")]),
        (b' { "items" : [ { "address" : "a@b.example" , "note": [1] } ] } \n', [(1, "a@b.example")]),
        (b'{"items":[]}', []),
        ('\ufeff{"items":[{"address":"josé@b.example"}]}'.encode(), [(1, "josé@b.example")]),
        (b'{"items":[{"address":"\\u00e9@b.example"}\n,\n{"address":"x@y.example"}]}', [(1, "é@b.example"), (2, "x@y.example")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_json_has_items_with_addresses(content, texts, size):
    assert read("JSON", content, size=size) == (texts, [])


def test_items_that_are_none_are_told_by_their_numbers():
    content = b'{"items":["a@b.example",{"address":7},{"adress":"x"},{"address":"d@e.example"},null]}'
    texts, refused = read("JSON", content, limit=1)
    assert texts == [(4, "d@e.example")]
    assert [number for number, _text, _reason in refused] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must begin"),
        (b'[{"address":"a@b.example"}]', "must begin"),
        (b'{"address":"a@b.example"}', "must begin"),
        (b'{"items":[{"address":"a@b.example"} {"address":"c@d.example"}]}', "follow item 1"),
        (b'{"items":[{"address":"a@b.example"},]}', "item 2 is no JSON"),
        (b'{"items":[{"address":"a@b.example"}', "follow item 1"),
        (b'{"items":[{"address":"a@b.exam', "item 1 is no JSON"),
        (b'{"items":[{"address":"a@b.example"}]} more', "follow item 1"),
        (b'{"items":[{"address":"a@b.example"},{"address":"\xff"}]}', "no UTF-8"),
        (b'{"items":[' + b"[" * 100_000, "item 1 is no JSON"),
        (b'{"items":[{"address":"' + b"x" * 100_000 + b'"}]}', "item 1 is"),
    ],
)
def test_a_json_that_breaks_is_told_with_its_place(content, message):
    with pytest.raises(MalformedFileError, match=message):
        read("JSON", content, size=1000)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="XML"):
        reader_of("XML", b"", iter([]), 0, 0)


entries = st.lists(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters='",'), min_size=1, max_size=20
    )
)


@unhurried
@given(entries, st.integers(1, 30), st.integers(1, 5))
def test_pieces_and_stops_make_no_difference(listed, size, limit):
    as_csv = "address\n" + "".join(f"{entry}\n" for entry in listed)
    texts, refused = read("CSV", as_csv.encode(), size=size, limit=limit)
    assert ([text for _number, text in texts], refused) == ([e.strip() for e in listed], [])
    as_json = json.dumps({"items": [{"address": entry} for entry in listed]}, ensure_ascii=False)
    texts, refused = read("JSON", as_json.encode(), size=size, limit=limit)
    assert ([text for _number, text in texts], refused) == (listed, [])
