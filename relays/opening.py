"""From a target to a conversation with it that is ready for mail."""

from dataclasses import replace

from relays.conversation import Conversation, PeerFault, Target, Timeouts, TlsUse
from relays.resolver import LookUpFault, addresses_of
from relays.securing import HandshakeFault, log_in, protect


async def open_conversation(target: Target, timeouts: Timeouts, *, deadline: float) -> Conversation:
    """A conversation that is ready for MAIL, with TLS as the target wants it.

    The host's addresses are tried in order; PeerFault where none will do, with the words of each.
    """
    try:
        addresses = await addresses_of(target.host)
    except LookUpFault as fault:
        raise PeerFault(str(fault)) from fault
    faults = []
    for address in addresses:
        try:
            return await _open_at(target, address, timeouts, deadline)
        except PeerFault as fault:
            faults.append(str(fault))
    raise PeerFault("; ".join(faults))


async def _open_at(target: Target, address: str, timeouts: Timeouts, deadline: float) -> Conversation:
    try:
        return await _prepared(target, address, timeouts, deadline)
    except HandshakeFault:
        # The message matters more than the curtain: whoever only would like TLS goes without it.
        return await _prepared(replace(target, tls=TlsUse.NEVER), address, timeouts, deadline)


async def _prepared(target: Target, address: str, timeouts: Timeouts, deadline: float) -> Conversation:
    conversation = Conversation(target, address, timeouts)
    conversation.deadline = deadline
    try:
        await conversation.open()
        await conversation.greet()
        await protect(conversation)
        if target.login:
            await log_in(conversation, target.login)
    except BaseException:
        await conversation.close()
        raise
    return conversation
