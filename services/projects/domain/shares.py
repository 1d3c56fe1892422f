"""How much of a whole is done: by percent, by the actual part, by what is left; each follows from others."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

HUNDRED: Final = Decimal(100)
_STEP: Final = Decimal("0.01")


class Contradiction(Exception):
    """What is stated cannot be true all at once, or beside what is known."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a whole is done: the actual part, the rest, and their percent."""

    percent: Decimal
    actual: int
    rest: int

    @property
    def whole(self) -> int:
        """Both parts."""
        return self.actual + self.rest


Measure = tuple[str, str, str]
"""The fields of a percent, an actual part and a rest."""
Said = tuple[Decimal | None, int | None, int | None]
"""What is stated of them."""


def at_percent(percent: Decimal, whole: int) -> Share:
    """So much percent of a whole, in minutes: something is done and something left between 0 and 100 percent."""
    actual = int((whole * percent / HUNDRED).to_integral_value())
    if whole > 1 and 0 < percent < HUNDRED:
        actual = min(max(actual, 1), whole - 1)
    return Share(percent, actual, whole - actual)


def share(whole: int, known: int, said: Said, names: Measure) -> Share:
    """What is done of a whole as stated: by percent, by the actual part, by the rest, or by several that agree.

    `known` is the actual part so far. Raises Contradiction.
    """
    percent, actual, rest = said
    if percent is not None:
        present = at_percent(percent, whole)
        if actual in {None, present.actual} and rest in {None, present.rest}:
            return present
        if actual is None or rest is None:
            return _solved(percent, actual, rest, names)
    if actual is None and not known and rest == 0:
        return at_percent(HUNDRED, whole)  # nothing is left of something of which nothing was done: it is done with
    actual = known if actual is None else actual
    rest = max(whole - actual, 0) if rest is None else rest
    found = _percent(actual, rest) if actual or rest else (percent or Decimal(0))
    if percent is not None and abs(percent - found) > _STEP:
        raise Contradiction(names[0], "parts_disagree", f"is {found} % by {names[1]} and {names[2]}")
    return Share(found if percent is None else percent, actual, rest)


def check_whole(found: Share, most: int, said: Said, names: Measure) -> None:
    """Raise Contradiction if the whole is more than can be."""
    if found.whole > most:
        field = next((name for name, value in zip(names[::-1], said[::-1], strict=True) if value is not None), names[0])
        raise Contradiction(field, "too_large", f"makes a whole of {found.whole} minutes; the most is {most}")


def _solved(percent: Decimal, actual: int | None, rest: int | None, names: Measure) -> Share:
    """The part that is not stated, from the percent and the one that is."""
    if rest is not None:
        if percent == HUNDRED or not rest:
            detail = "is left, but all is done" if rest else "leaves nothing, but not all is done"
            raise Contradiction(names[2], "parts_disagree", detail)
        return Share(percent, int((rest * percent / (HUNDRED - percent)).to_integral_value()), rest)
    assert actual is not None
    if percent == 0 or not actual:
        detail = "is done, but the percent is 0" if actual else "is nothing, but the percent is more"
        raise Contradiction(names[1], "parts_disagree", detail)
    return Share(percent, actual, int((actual * (HUNDRED - percent) / percent).to_integral_value()))


def _percent(actual: int, rest: int) -> Decimal:
    """To the hundredth, but never 100 while something is left, nor 0 when something was done."""
    exact = (HUNDRED * actual / (actual + rest)).quantize(_STEP)
    if rest and exact == HUNDRED:
        return HUNDRED - _STEP
    return _STEP if actual and not exact else exact
