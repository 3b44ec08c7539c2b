"""Contents that lie in files: stored in pieces, once, and none of them at the cost of another."""

import asyncio
import tempfile

import pytest
from django.conf import settings
from django.db import connections

from core import reply
from core.errors import MailError
from mailflow import large_content, spool
from mailflow.large_content import LargeContent
from mailflow.models import SpoolContent, SpoolMessage
from mailflow.spool_transaction import Entry
from mailflow.spool_writer import SpoolWriter, commit
from tests.mailflow.letters import envelope, letter
from tests.mailflow.test_spool import _limit_growth, run_with_spool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(large_content, "_PIECE_BYTES", 10_000)


@pytest.fixture
def large(tmp_path):
    """`large(content)`: as LargeContent, some bytes into its file."""
    made: list[LargeContent] = []

    def make(content: bytes, *, size_bytes: int | None = None) -> LargeContent:
        file = tempfile.TemporaryFile(dir=tmp_path, buffering=0)  # noqa: SIM115 - closed with what it holds
        file.write(b"x" * 4096 + content)
        made.append(LargeContent(file, 4096, len(content) if size_bytes is None else size_bytes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _stored() -> dict[str, bytes]:
    return {row.message_id: bytes(row.content) for row in SpoolContent.objects.all()}


def test_it_is_in_the_spool_as_it_came(large):
    accepted, content = envelope(), letter(size_bytes=123_456) + b"\x00\xff"
    run_with_spool(lambda spool: spool.store(accepted, large(content)))
    assert _stored() == {accepted.message_id: content}
    assert SpoolMessage.objects.get().size_bytes == len(content)


def test_small_ones_do_not_wait_for_all_large_ones(large, monkeypatch):
    monkeypatch.setattr(spool, "MAX_BATCH_BYTES", 100_000)
    batches = _batches(monkeypatch)

    async def scenario(spool):
        large_ones = [spool.store(envelope(), large(letter(size_bytes=60_000))) for _ in range(4)]
        small_ones = [spool.store(envelope(), letter()) for _ in range(3)]
        await asyncio.gather(*large_ones, *small_ones)

    run_with_spool(scenario)
    assert batches == [["large"], ["small"] * 3, ["large"], ["large"], ["large"]]
    assert SpoolContent.objects.count() == 7


def test_large_ones_share_a_transaction_as_far_as_they_fit(large, monkeypatch):
    monkeypatch.setattr(spool, "MAX_BATCH_BYTES", 100_000)
    batches = _batches(monkeypatch)
    contents = {envelope().message_id: letter(str(number), size_bytes=30_000) for number in range(5)}

    async def scenario(spool):
        await asyncio.gather(
            *(spool.store(envelope(message_id=key), large(content)) for key, content in contents.items())
        )

    run_with_spool(scenario)
    assert batches == [["large"] * 3, ["large"] * 2]
    assert _stored() == contents


def _batches(monkeypatch) -> list[list[str]]:
    """Of each transaction, in order, what it held."""
    batches: list[list[str]] = []
    put = SpoolWriter.put

    def noting(self, entries):
        batches.append(["large" if isinstance(one.content, LargeContent) else "small" for one in entries])
        put(self, entries)

    monkeypatch.setattr(SpoolWriter, "put", noting)
    return batches


def test_what_is_there_already_stays_as_it_is(large):
    accepted, content = envelope(), letter(size_bytes=50_000)
    for _ in range(2):
        entry = Entry(accepted, large(content), lambda error: None)
        assert commit(settings.SPOOL_ALIAS, [entry]) == [None]
    assert _stored() == {accepted.message_id: content}


def test_a_file_that_lost_its_end_is_not_stored(large):
    async def scenario(spool):
        with pytest.raises(MailError) as refused:
            await spool.store(envelope(), large(b"short\r\n", size_bytes=50_000))
        await spool.store(envelope(), letter())
        return refused.value.reply

    assert run_with_spool(scenario) == reply.SPOOL_FAILED
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 1


def test_what_does_not_fit_is_452_and_nothing_else_is(large, monkeypatch):
    if connections[settings.SPOOL_ALIAS].vendor != "sqlite":
        pytest.skip("max_page_count is SQLite's")
    _limit_growth(monkeypatch, size_bytes=400_000)

    async def scenario(spool):
        stores = [spool.store(envelope(), letter()) for _ in range(3)]
        stores.insert(1, spool.store(envelope(), large(letter(size_bytes=1_000_000))))
        return await asyncio.gather(*stores, return_exceptions=True)

    results = run_with_spool(scenario)
    assert [result is None for result in results] == [True, False, True, True]
    assert results[1].reply == reply.STORAGE_FULL
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 3
