"""The weighted score of requests for projects."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.intake import ALLOWED, OPEN, Criterion, Direction, IntakeStatus, Score, weighted_score

HIGHER, LOWER = Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER


def criterion(
    number: int, weight: str = "1", low: str = "0", high: str = "10", direction: Direction = HIGHER
) -> Criterion:
    return Criterion(UUID(int=number), Decimal(weight), Decimal(low), Decimal(high), direction)


def said(**scores: str) -> dict[UUID, Decimal]:
    """What one assessor says: c1=…"""
    return {UUID(int=int(name[1:])): Decimal(score) for name, score in scores.items()}


def test_weights_scales_and_directions_make_the_score() -> None:
    # By hand: (3 · 8/10 + 1 · (5-2)/(5-1)) / 4 = (2.4 + 0.75) / 4 = 0.7875.
    criteria = [criterion(1, "3"), criterion(2, "1", "1", "5", LOWER)]
    assert weighted_score(criteria, [said(c1="8", c2="2")]) == Score(Decimal("78.75"), Decimal("1.0000"))


def test_assessors_are_averaged_by_criterion() -> None:
    # c1: (4 + 8) / 2 = 6 of 10; c2 was scored by one alone: 10 of 10.
    criteria = [criterion(1), criterion(2)]
    assert weighted_score(criteria, [said(c1="4", c2="10"), said(c1="8")]).points == Decimal("80.00")


def test_what_nobody_scored_lowers_the_coverage_and_not_the_score() -> None:
    criteria = [criterion(1, "1"), criterion(2, "3")]
    assert weighted_score(criteria, [said(c1="10")]) == Score(Decimal("100.00"), Decimal("0.2500"))


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [([], Score(None, None)), ([criterion(1)], Score(None, Decimal("0.0000")))],
)
def test_without_an_assessment_there_is_no_score(criteria: list[Criterion], expected: Score) -> None:
    assert weighted_score(criteria, [said(c9="5")]) == expected


def test_a_scale_that_became_narrower_takes_what_was_said_beyond_it_as_its_end() -> None:
    assert weighted_score([criterion(1, high="5")], [said(c1="9")]).points == Decimal("100.00")


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.sampled_from(Direction)), min_size=1, max_size=5),
    st.lists(st.lists(st.integers(0, 10), min_size=5, max_size=5), min_size=1, max_size=4),
)
def test_a_score_lies_on_its_scale_and_mirrors_when_every_direction_turns(
    drawn: list[tuple[int, Direction]], scores: list[list[int]]
) -> None:
    criteria = [criterion(n, str(weight), direction=way) for n, (weight, way) in enumerate(drawn)]
    turned = [
        criterion(n, str(weight), direction=LOWER if way is HIGHER else HIGHER) for n, (weight, way) in enumerate(drawn)
    ]
    given_ = [{UUID(int=n): Decimal(score) for n, score in enumerate(one)} for one in scores]
    points, mirrored = weighted_score(criteria, given_).points, weighted_score(turned, given_).points
    assert points is not None
    assert mirrored is not None
    assert 0 <= points <= 100
    assert abs(points + mirrored - 100) <= Decimal("0.01")


def test_what_is_decided_stays() -> None:
    assert {status for status, following in ALLOWED.items() if following} == OPEN
    assert set(ALLOWED) == set(IntakeStatus)
