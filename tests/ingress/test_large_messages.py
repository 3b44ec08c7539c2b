"""Messages that are too large for memory: what of them goes into a file, and that nothing else differs."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reply
from core.errors import MailError
from ingress.logic import transfer
from ingress.logic.budget import ByteBudget
from ingress.logic.terms import Limits
from ingress.spill import Spill
from tests.ingress.machine import Driver, FileInMemory, served

_MOST = 3000
_LINE = b"All of it, in the order in which it was said, and by whom it was.\r\n"
_HEAD = b"Subject: large\r\n\r\n"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(transfer, "PIECE_BYTES", 1000)


def _driver(
    *, is_slow: bool = False, limit_bytes: int = 1 << 30, **limits: Any
) -> tuple[Driver, list[FileInMemory]]:
    files: list[FileInMemory] = []

    def open_file() -> FileInMemory:
        files.append(FileInMemory(is_slow=is_slow))
        return files[-1]

    budget = ByteBudget(limit_bytes, most_of_one_bytes=_MOST, open_file=open_file)
    return Driver(budget=budget, limits=Limits(**limits)), files


def _data(driver: Driver, content: bytes, chunk_bytes: int) -> bytes:
    driver.transaction("b@y.example")
    driver.says("DATA")
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    return driver.says(*(stuffed[at : at + chunk_bytes] for at in range(0, len(stuffed), chunk_bytes)))


def _bdat(driver: Driver, content: bytes, chunk_bytes: int) -> bytes:
    driver.transaction("b@y.example")
    heard = b""
    for at in range(0, len(content), chunk_bytes):
        chunk = content[at : at + chunk_bytes]
        last = " LAST" if at + chunk_bytes >= len(content) else ""
        heard = driver.says(f"BDAT {len(chunk)}{last}", chunk)
        if driver.conversation.is_closed or not heard.startswith(b"250"):
            break
    return heard


_SENDERS: dict[str, Callable[[Driver, bytes, int], bytes]] = {"DATA": _data, "BDAT": _bdat}
_WHOLE = _HEAD + _LINE * 300
_CONTENTS = {
    "text": _WHOLE,
    "dots": _HEAD + b".\r\n..\r\n.text\r\n" * 1000,
    "long lines": _HEAD + (b"x" * 998 + b"\r\n") * 20,
    "only ends of lines": b"\r\n" * 8000,
    "a NUL late": _WHOLE + b"a\0b\r\n",
    "a long line late": _WHOLE + b"x" * 999 + b"\r\n" + _LINE,
    "an endless line": _HEAD + b"x" * 20_000 + b"\r\n",
    "99 hops in a header of many pieces": b"Received: by x.example; now\r\n" * 99 + b"\r\n" + _LINE * 100,
    "100 hops in a header of many pieces": b"Received: by x.example; now\r\n" * 100 + b"\r\n" + _LINE * 100,
    "hops far below in a header": b"X-Long: header\r\n" * 10_000
    + b"Received: by x.example\r\n" * 200
    + _LINE,
    "hops in the text": _WHOLE + b"Received: by x.example; now\r\n" * 200,
}


@pytest.mark.parametrize("content", _CONTENTS.values(), ids=_CONTENTS)
@pytest.mark.parametrize("send", _SENDERS.values(), ids=_SENDERS)
@pytest.mark.parametrize("chunk_bytes", [700, 5000, 1 << 20])
def test_a_large_message_gets_the_verdict_of_a_small_one(send, content, chunk_bytes):
    small = Driver()
    large, files = _driver()
    assert send(large, content, chunk_bytes)[:20] == send(small, content, chunk_bytes)[:20]
    assert [one.content for one in large.messages] == [one.content for one in small.messages]
    assert [one.reply for one in large.refusals] == [one.reply for one in small.refusals]
    assert large.budget.used_bytes == 0
    assert [file.is_discarded for file in files] == [not large.messages] * len(files)


@given(
    lines=st.lists(st.sampled_from([b"", b".", b"Received: x", b"x" * 500, b"x" * 998, b"y"]), max_size=60),
    chunk_bytes=st.integers(1, 4000),
    is_bdat=st.booleans(),
)
def test_whatever_its_lines_and_however_it_is_cut(lines, chunk_bytes, is_bdat):
    content = b"".join(line + b"\r\n" for line in lines) + b"end\r\n"
    large, _ = _driver()
    (_bdat if is_bdat else _data)(large, content, chunk_bytes)
    assert [one.content for one in large.messages] == [content]
    assert large.budget.used_bytes == 0


@pytest.mark.parametrize("ending", [b"\n", b"\r"])
@pytest.mark.parametrize("at", [0, 2999, 3000, 5000, len(_WHOLE)])
def test_bare_line_endings_in_chunks_are_found_wherever_they_are(at, ending):
    driver, _ = _driver()
    assert _bdat(driver, _WHOLE[:at] + ending + _WHOLE[at:], 900) == reply.BARE_LINE_ENDING.wire
    assert driver.conversation.is_closed
    assert driver.budget.used_bytes == 0


def test_little_of_it_is_in_memory():
    driver, files = _driver()
    driver.transaction("b@y.example")
    driver.says("DATA")
    for _ in range(1000):
        driver.says(_LINE * 10)
        assert driver.budget.used_bytes <= _MOST + transfer.PIECE_BYTES + 2 * len(_LINE) * 10
    assert sum(map(len, files[0].pieces)) > 600_000


def test_while_the_disk_is_slow_nothing_more_is_read():
    driver, files = _driver(is_slow=True)
    driver.transaction("b@y.example")
    driver.says("DATA")
    conversation, sent = driver.conversation, 0
    while conversation.wants_input:
        sent += len(driver.says(_LINE * 10)) or len(_LINE * 10)
        assert sent < 20_000
    assert conversation.is_waiting
    assert driver.budget.used_bytes < 7000
    files[0].rest()
    assert conversation.wants_input
    for _ in range(10):
        driver.says(_LINE * 10)
        files[0].rest()
    files[0].is_slow = False
    files[0].rest()
    driver.says(b".\r\n")
    assert len(driver.messages[0].content) == sent + 10 * len(_LINE * 10)
    assert driver.budget.used_bytes == 0


def test_what_can_not_be_written_is_refused_at_its_end_and_the_session_lives_on():
    driver, files = _driver(is_slow=True)
    driver.transaction("b@y.example")
    driver.says("DATA", _LINE * 100)
    driver.says(_LINE * 20)
    files[0].rest(failed=True)
    assert files[0].is_discarded
    assert driver.budget.used_bytes == 0
    assert driver.says(_LINE * 1000, b".\r\n") == reply.STORAGE_FULL.wire
    assert driver.message(b"small\r\n.\r\n").endswith(reply.OK.wire)


@pytest.mark.parametrize("end", ["RSET", "close"])
def test_a_transaction_that_ends_early_leaves_nothing(end):
    driver, files = _driver(is_slow=end == "close")
    driver.transaction("b@y.example")
    if end == "RSET":
        driver.says(f"BDAT {len(_WHOLE)}", _WHOLE, "RSET")
    else:
        driver.says("DATA", _WHOLE, _WHOLE)
        driver.conversation.close()
    assert [file.is_discarded for file in files] == [True]
    assert driver.budget.used_bytes == 0


def test_too_large_is_too_large_in_a_file_too():
    driver, files = _driver(max_message_bytes=10_000)
    assert _data(driver, _WHOLE, 1000).endswith(reply.MESSAGE_TOO_LARGE.wire)
    assert files[0].is_discarded


def test_the_peer_may_close_its_side_while_the_disk_is_slow():
    driver, files = _driver(is_slow=True)
    driver.transaction("b@y.example")
    driver.says("DATA", _LINE * 100, _LINE * 20)
    driver.conversation.drain(reply.BYE)
    files[0].rest()
    assert driver.conversation.is_closed


# --- with a started ingress -----------------------------------------------------------------------


def _send(peer, content: bytes):
    peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
    return peer.sends_message(content)


def test_many_at_a_time_need_little_of_the_budget(make_ingress, dial):
    content = _HEAD + _LINE * 60_000  # 4 MB
    ingress = make_ingress(served(), max_in_memory_bytes=65_536, budget_bytes=12 * 1024 * 1024)

    def send(number: int) -> int:
        with dial(ingress) as peer:
            peer.says("EHLO c.example")
            return _send(peer, b"X-Number: %d\r\n" % number + content).code

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(send, range(12))) == [250] * 12
    assert ingress.engine.budget.used_bytes == 0
    for envelope, stored in ingress.stored:
        assert stored.startswith(b"Received: from c.example")
        assert stored.endswith(content)
        number = stored.split(b"X-Number: ")[1].split(b"\r\n")[0]
        assert envelope.size_bytes == len(content) + len(b"X-Number: \r\n") + len(number)
    assert len({stored for _, stored in ingress.stored}) == 12


def test_its_announced_size_need_not_fit_into_the_budget(make_ingress, dial):
    ingress = make_ingress(served(), budget_bytes=2 * 1024 * 1024)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example> SIZE=40000000")
        assert peer.heard(reply.SENDER_OK)


@pytest.mark.parametrize("least_free_bytes", [1 << 60, 0])
def test_a_full_disk_is_452_and_the_session_lives_on(make_ingress, dial, monkeypatch, least_free_bytes):
    if not least_free_bytes:  # the kernel's own word for it
        monkeypatch.setattr(Spill, "open", lambda self: io.FileIO("/dev/full", "r+"))
    ingress = make_ingress(served(), least_free_bytes=least_free_bytes)
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        heard = _send(peer, _HEAD + _LINE * 60_000)
        assert heard.lines == (str(reply.STORAGE_FULL),)
        assert _send(peer, b"small\r\n").code == 250
    assert len(ingress.stored) == 1
    assert ingress.engine.budget.used_bytes == 0


def test_a_spool_that_does_not_take_it_says_so(make_ingress, dial):
    ingress = make_ingress(served(), max_in_memory_bytes=65_536)
    ingress.spool.fault = MailError("no", reply=reply.SPOOL_FAILED)
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        assert _send(peer, _HEAD + _LINE * 10_000).lines == (str(reply.SPOOL_FAILED),)
        ingress.spool.fault = ValueError("unforeseen")
        assert _send(peer, _HEAD + _LINE * 10_000).code == 451
