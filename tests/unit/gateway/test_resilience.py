"""The breaker opens on failures only, and retries stay within a tenth."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.proxy.resilience import Breaker, BreakerRules, RetryBudget


def failing(breaker: Breaker, times: int, now: float) -> None:
    """Let calls fail."""
    for _ in range(times):
        assert breaker.admits(now)
        breaker.record(ok=False, now=now)


def test_a_few_failures_do_not_open_it() -> None:
    breaker = Breaker()
    failing(breaker, 19, 0.0)
    assert breaker.admits(0.0)


def test_half_of_twenty_failing_opens_it_until_the_rest_is_over() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.record(ok=True, now=1.0)
    failing(breaker, 10, 2.0)
    assert breaker.is_open
    assert not breaker.admits(6.9)
    assert breaker.admits(7.0)
    assert breaker.admits(7.0)
    assert not breaker.admits(7.0)


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_again() -> None:
    breaker = Breaker()
    failing(breaker, 20, 0.0)
    assert breaker.admits(5.0)
    breaker.record(ok=False, now=5.1)
    assert not breaker.admits(10.0)
    assert breaker.admits(10.1)
    breaker.record(ok=True, now=10.2)
    assert not breaker.is_open
    failing(breaker, 19, 10.3)
    assert not breaker.is_open


def test_a_probe_whose_client_went_away_leaves_room_for_another() -> None:
    breaker = Breaker(BreakerRules(probes=1))
    failing(breaker, 20, 0.0)
    assert breaker.admits(5.0)
    assert not breaker.admits(5.0)
    breaker.forget()
    assert breaker.admits(5.0)


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker()
    failing(breaker, 15, 0.0)
    failing(breaker, 15, 11.0)
    assert not breaker.is_open


def test_answers_that_were_under_way_when_it_opened_do_not_prolong_it() -> None:
    breaker = Breaker()
    failing(breaker, 20, 0.0)
    for _ in range(30):
        breaker.record(ok=False, now=3.0)
    assert breaker.admits(5.0)


@given(st.integers(min_value=0, max_value=3_000))
def test_retries_are_at_most_a_tenth_and_one(requests: int) -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(requests):
        budget.deposit()
        retries += budget.withdraw()
    assert retries <= requests / 10 + 1.001
