"""Hands messages on to SMTP and LMTP servers: one Result for each recipient, connections used again."""

import asyncio
from dataclasses import replace

from mailflow.actions.contract import Finish, NotNow, Result
from mailflow.smtp_lines import Pool
from mailflow.smtp_transaction import TOO_MANY_STATUS, Transaction
from relays.conversation import Target, Timeouts


async def deliver(target: Target, transaction: Transaction, timeouts: Timeouts | None = None) -> list[Result]:
    """A Result for each of the recipients, in their order. NotNow where nothing was tried, because the
    target is stuck with others' mail; else raises nothing that a peer can cause."""
    results = await _pool().deliver(target, transaction, timeouts or Timeouts())
    left = [index for index, result in enumerate(results) if _is_one_too_many(result)]
    if 0 < len(left) < len(results):  # some were taken or refused for good: the rest go by themselves
        rest = replace(transaction, recipients=tuple(transaction.recipients[index] for index in left))
        try:
            more = await deliver(target, rest, timeouts)
        except NotNow:
            return results
        for index, result in zip(left, more, strict=True):
            results[index] = result
    return results


def _is_one_too_many(result: Result) -> bool:
    return result.finish is Finish.TEMPORARY and result.status == TOO_MANY_STATUS


async def close_connections() -> None:
    """Say QUIT on what is idle, when a batch is done. Without it they close when the loop ends."""
    if pool := _pools.get(asyncio.get_running_loop()):
        await pool.close()


_pools: dict[asyncio.AbstractEventLoop, Pool] = {}


def _pool() -> Pool:
    """The running loop's. A worker may have a loop for each batch: those that ended are forgotten."""
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        for ended in [other for other in _pools if other.is_closed()]:
            del _pools[ended]
        _pools[loop] = Pool()
    return _pools[loop]
