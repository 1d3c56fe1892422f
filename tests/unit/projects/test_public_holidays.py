"""Public holidays of countries and regions, against lists of third parties."""

import json
from datetime import date
from typing import Any

import pytest

from services.projects.domain.calendar_rules import CalendarRules, PublicHolidays, Weekday
from shared.testing.cases import cases
from shared.working_time import compile_calendars

FILE = cases("calendars") / "public_holidays_2024_2027.json"
CASES: dict[str, Any] = json.loads(FILE.read_text())["holidays"] if FILE.is_file() else {}


@pytest.mark.skipif(not CASES, reason="the cases are not beside the repository")
@pytest.mark.parametrize("place", CASES or ["none"])
def test_no_work_is_done_on_public_holidays_and_only_on_them(place: str) -> None:
    country, _, region = place.partition("-")
    rules = CalendarRules.model_validate(
        {
            "week": {str(day): [{"start": "00:00", "finish": "24:00"}] for day in Weekday},
            "holidays": PublicHolidays(country=country, region=region or None),
        }
    )
    calendar = compile_calendars([rules.calendar("x", "x", None, 2024)])["x"]
    days = zip(
        (date.fromordinal(day) for day in range(date(2024, 1, 1).toordinal(), date(2028, 1, 1).toordinal())),
        calendar.minutes_by_day(date(2024, 1, 1), date(2027, 12, 31)),
        strict=True,
    )
    off = {day.isoformat() for day, minutes in days if not minutes}
    assert off == {day for year in CASES[place].values() for day in year}
