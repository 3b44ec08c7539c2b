"""Redis plays no part in acceptance: it may go away under load, and what came meanwhile flows on."""

from tests.e2e.load import steady_load
from tests.e2e.product import PATIENCE_SECONDS
from tests.rulesets.documents import mailbox, rule
from tests.servers.process import wait_until


def test_mail_is_accepted_without_redis_and_flows_on_when_it_is_back(system, product):
    endpoint = product.endpoint("redis-away", [rule(mailbox(product.mailbox("redis-away")))])
    names = ("control", "worker", "beat", "web", "ingress")
    pids = {name: system.process(name).pid for name in names}
    redis = system.process("redis")
    with steady_load(endpoint, per_second=50) as load:
        wait_until(
            lambda: len(product.stored("redis-away")) >= 20, "mail flows", timeout_seconds=PATIENCE_SECONDS
        )
        redis.stop()
        try:
            before = len(load.accepted)
            wait_until(
                lambda: len(load.accepted) >= before + 300,
                "mail is accepted without Redis",
                timeout_seconds=PATIENCE_SECONDS,
            )
        finally:
            redis.start()
    product.wait_until_spool_is_empty(2 * PATIENCE_SECONDS)
    assert not load.replies
    assert not load.interruptions
    assert len(load.accepted) == len(load.messages) == len(product.stored("redis-away"))
    assert {name: system.process(name).pid for name in names} == pids
