"""A conversation with a relay that sends no mail: can it be reached, and what does it offer?"""

import asyncio
from dataclasses import dataclass

from relays.conversation import PeerFault, Target, Timeouts
from relays.opening import open_conversation

PROBE_SECONDS = 15.0  # a person waits for it


@dataclass(frozen=True, slots=True)
class Probe:
    """`fault`: why it can't be used, one line in English; "" where it can. The rest is empty then.

    `tls_version`: "TLSv1.3", "" in the clear. `extensions`: as the relay wrote them, after STARTTLS.
    """

    fault: str = ""
    address: str = ""
    tls_version: str = ""
    extensions: tuple[str, ...] = ()


async def probe(target: Target) -> Probe:
    """Connect, EHLO, STARTTLS as the target wants it, QUIT; within PROBE_SECONDS."""
    deadline = asyncio.get_running_loop().time() + PROBE_SECONDS
    try:
        # The look-up of the name has time-outs of its own, longer than a person's.
        async with asyncio.timeout_at(deadline + 1):
            conversation = await open_conversation(target, Timeouts(), deadline=deadline)
    except PeerFault as fault:
        return Probe(fault=str(fault))
    except TimeoutError:
        return Probe(fault=f"looking up {target.host} took too long")
    offered = (f"{keyword} {parameters}".strip() for keyword, parameters in conversation.extensions.items())
    told = Probe("", conversation.address, conversation.tls_version, tuple(offered))
    await conversation.quit()
    return told
