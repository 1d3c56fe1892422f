"""Requests for projects: their states, and the score that several assessors come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID


class IntakeStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"  # waits for assessments and for a decision
    DEFERRED = "deferred"  # decided to be decided later
    APPROVED = "approved"  # has become a project
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_S = IntakeStatus
ALLOWED: Final = MappingProxyType(
    {
        _S.DRAFT: frozenset({_S.SUBMITTED, _S.WITHDRAWN}),
        _S.SUBMITTED: frozenset({_S.APPROVED, _S.REJECTED, _S.DEFERRED, _S.WITHDRAWN}),
        _S.DEFERRED: frozenset({_S.SUBMITTED, _S.APPROVED, _S.REJECTED, _S.WITHDRAWN}),
        _S.APPROVED: frozenset[IntakeStatus](),
        _S.REJECTED: frozenset[IntakeStatus](),
        _S.WITHDRAWN: frozenset[IntakeStatus](),
    }
)
"""The moves there are."""
OPEN: Final = frozenset({_S.DRAFT, _S.SUBMITTED, _S.DEFERRED})
"""In these a request may still be changed."""
ASSESSED: Final = frozenset({_S.SUBMITTED, _S.DEFERRED})
"""In these it may be assessed and decided."""


class Direction(StrEnum):
    """Which end of a criterion's scale speaks for a request."""

    HIGHER_IS_BETTER = "higher_is_better"
    LOWER_IS_BETTER = "lower_is_better"


@dataclass(frozen=True, slots=True)
class Criterion:
    """What requests are assessed by: its weight beside the others, and its scale."""

    id: UUID
    weight: Decimal
    minimum: Decimal
    maximum: Decimal
    direction: Direction


@dataclass(frozen=True, slots=True)
class Score:
    """What assessments come to; None while nothing is assessed."""

    points: Decimal | None
    """0 to 100, two decimals."""
    coverage: Decimal | None
    """Share of all weight that was assessed, four decimals; None where there is no weight, or no assessment."""


def weighted_score(criteria: Sequence[Criterion], assessments: Sequence[Mapping[UUID, Decimal]]) -> Score:
    """Return 100 · Σ w·x / Σ w over the criteria that somebody has scored.

    x is the mean over the assessors who scored the criterion of how far the score lies on its scale, from its worse end
    (0) to its better one (1). What lies beyond a scale that has changed since counts as its end. Criteria that nobody
    scored count neither for nor against: the coverage tells of them.
    """
    total = sum((criterion.weight for criterion in criteria), Decimal(0))
    scored, sums = Decimal(0), Decimal(0)
    for criterion in criteria:
        given = [_place(criterion, scores[criterion.id]) for scores in assessments if criterion.id in scores]
        if given:
            scored += criterion.weight
            sums += criterion.weight * sum(given, Decimal(0)) / len(given)
    points = (100 * sums / scored).quantize(Decimal("0.01"), ROUND_HALF_EVEN) if scored else None
    coverage = (scored / total).quantize(Decimal("0.0001"), ROUND_HALF_EVEN) if total and assessments else None
    return Score(points, coverage)


def _place(criterion: Criterion, score: Decimal) -> Decimal:
    place = (score - criterion.minimum) / (criterion.maximum - criterion.minimum)
    place = min(max(place, Decimal(0)), Decimal(1))
    return place if criterion.direction is Direction.HIGHER_IS_BETTER else 1 - place
