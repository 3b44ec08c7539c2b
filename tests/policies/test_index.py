"""The index of statements asks few of them. What it decides is tested beside the plain walk (test_evaluation)."""

from ipaddress import ip_address
from typing import Any

from addresslists.logic.lookup import NO_LISTS
from policies.logic.conditions import Test, compile_condition, read_condition
from policies.logic.index import NO_STATEMENT, Statement, StatementIndex
from tests.policies.documents import ipv4, recipient


def test_statements_that_share_a_condition_are_found_by_the_other():
    asked: list[int] = []

    def statement(position: int) -> Statement:
        documents = [recipient("ENDS_WITH", "@ours.example"), ipv4(f"10.0.{position}.0/24")]
        conditions = tuple(map(read_condition, documents))

        def counted(test: Test) -> Test:
            def ask(*of_rcpt: Any) -> bool:
                asked.append(position)
                return test(*of_rcpt)

            return ask

        return Statement(
            position, conditions, tuple(counted(compile_condition(one, NO_LISTS)) for one in conditions)
        )

    index = StatementIndex(map(statement, range(200)))
    assert index.first("bob@ours.example", ip_address("10.0.7.1"), None) == 7
    assert index.first("bob@ours.example", ip_address("192.0.2.1"), None) == NO_STATEMENT
    assert asked == [7]
