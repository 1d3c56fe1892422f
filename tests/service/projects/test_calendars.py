"""Working calendars over HTTP: what they are stated as, what follows from it, and who works by them."""

from typing import Any

import httpx2
import pytest

from tests.service.projects.test_dependencies import PATCH, Story

DAY = [{"start": "08:00", "finish": "12:00"}, {"start": "13:00", "finish": "17:00"}]
OFFICE = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), DAY)


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """A project in UTC that starts on Monday, 5 January 2026, with tasks of a day each."""
    return await Story.make(director)


async def make(story: Story, **fields: object) -> dict[str, Any]:
    """Create a calendar."""
    answer = await story.client.post(f"{story.path}/calendars", json={"name": "Site", "week": OFFICE, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def days(story: Story, calendar: dict[str, Any], first: str, last: str) -> dict[str, int]:
    """Working minutes by day."""
    path = f"{story.path}/calendars/{calendar['id']}/working-time"
    answer = await story.client.get(path, params={"from": first, "to": last})
    assert answer.status_code == 200, answer.text
    found = {day["date"]: day["minutes"] for day in answer.json()["days"]}
    assert sum(found.values()) == answer.json()["minutes"]
    return found


async def test_a_calendar_lays_out_what_it_is_stated_as(story: Story) -> None:
    short = [{"start": "08:00", "finish": "12:00"}]
    calendar = await make(
        story,
        exceptions=[
            {"name": "Stocktaking", "first": "2026-01-07", "last": "2026-01-08"},
            {
                "name": "Short last Fridays",
                "first": "2026-01-01",
                "last": "2026-12-31",
                "shifts": short,
                "recurs": {"every": "month", "weekdays": ["friday"], "position": "last"},
            },
        ],
        alternative_weeks=[
            {
                "name": "Two shifts",
                "first": "2026-02-02",
                "last": "2026-02-08",
                "week": {"monday": [{"start": "00:00", "finish": "16:00"}], "saturday": short},
            }
        ],
        holidays={"country": "NL"},
    )
    january = await days(story, calendar, "2026-01-01", "2026-01-31")
    assert [day[-2:] for day, minutes in january.items() if not minutes and day[-2:] not in WEEKENDS] == [
        "01",
        "07",
        "08",
    ]
    assert january["2026-01-30"] == 240
    assert january["2026-01-23"] == 480
    february = await days(story, calendar, "2026-02-02", "2026-02-09")
    assert list(february.values()) == [960, 480, 480, 480, 480, 240, 0, 480]
    assert (await days(story, calendar, "2026-04-27", "2026-04-27")) == {"2026-04-27": 0}  # the King's birthday
    assert calendar["rules"]["holidays"] == {"country": "NL", "region": None}


WEEKENDS = {"03", "04", "10", "11", "17", "18", "24", "25", "31"}


async def test_projects_and_tasks_are_scheduled_by_their_calendars(story: Story) -> None:
    base = await make(story, exceptions=[{"name": "Storm", "first": "2026-01-05", "last": "2026-01-05"}])
    night = await make(
        story,
        name="Night",
        base_calendar_id=base["id"],
        week={"tuesday": [{"start": "00:00", "finish": "06:00"}, {"start": "22:00", "finish": "24:00"}]},
    )
    etag = (await story.client.get(story.path)).headers["etag"]
    headers = {"if-match": etag, **PATCH}
    answer = await story.client.patch(story.path, json={"calendar_id": base["id"]}, headers=headers)
    assert answer.status_code == 200, answer.text
    task = f"{story.path}/tasks/{story.ids['b']}"
    headers = {"if-match": '"1"', **PATCH}
    assert (await story.client.patch(task, json={"calendar_id": night["id"]}, headers=headers)).status_code == 200
    starts = await story.starts()
    assert (starts["a"], starts["b"]) == ("01-06T08:00", "01-06T00:00")
    path = f"{story.path}/calendars/{base['id']}"
    changed = await story.client.patch(path, json={"exceptions": []}, headers=headers)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["version"], changed.json()["rules"]["week"]["monday"]) == (2, DAY)
    starts = await story.starts()
    assert (starts["a"], starts["b"]) == ("01-05T08:00", "01-05T08:00")
    used = await story.client.delete(path, headers={"if-match": '"2"'})
    assert (used.status_code, used.json()["code"]) == (409, "calendar_in_use")
    loop = await story.client.patch(path, json={"base_calendar_id": night["id"]}, headers={"if-match": '"2"', **PATCH})
    assert (loop.status_code, loop.json()["code"]) == (409, "calendar_cycle")
    (told,) = loop.json()["errors"]
    assert told["pointer"] == "/base_calendar_id"
    assert base["name"] in told["detail"]
    assert night["name"] in told["detail"]
    versions = (await story.client.get(f"{path}/history")).json()["items"]
    assert [each["version"] for each in versions] == [2, 1]


async def test_reckoning_follows_the_clock_of_the_project_through_its_changes(director: httpx2.AsyncClient) -> None:
    body = {"name": "Quay", "time_zone": "Europe/Amsterdam", "start": "2026-01-05T08:00:00Z"}
    story = Story(director, (await director.post("/v1/projects", json=body)).json()["id"])
    calendar = await make(story)

    async def add(start: str, minutes: int) -> str:
        path = f"{story.path}/calendars/{calendar['id']}/working-time/add"
        answer = await director.get(path, params={"start": start, "minutes": minutes})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["finish"])

    assert await add("2026-03-27T16:00:00+01:00", 120) == "2026-03-30T09:00:00+02:00"
    assert await add("2026-03-30T09:00:00+02:00", -120) == "2026-03-27T16:00:00+01:00"
    assert await add("2026-10-23T14:00:00Z", 1440) == "2026-10-28T16:00:00+01:00"


@pytest.mark.parametrize(
    "fields",
    [
        {"week": {"monday": [{"start": "12:00", "finish": "08:00"}]}},
        {"week": {"monday": [{"start": "08:00", "finish": "12:00"}, {"start": "11:00", "finish": "13:00"}]}},
        {"holidays": {"country": "XX"}},
        {"holidays": {"country": "DE", "region": "XX"}},
        {"exceptions": [{"name": "x", "first": "2026-01-02", "last": "2026-01-01"}]},
        {"exceptions": [{"name": "x", "first": "2026-01-01", "last": "2026-01-01", "recurs": {"every": "week"}}]},
        {
            "exceptions": [
                {"name": str(n), "first": "1900-01-01", "last": "2200-12-31", "recurs": {"every": "day"}}
                for n in range(500)
            ]
        },
        {"base_calendar_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"},
    ],
    ids=["backwards", "overlap", "country", "region", "range", "recurrence", "too many days", "base"],
)
async def test_what_no_calendar_can_be_is_refused(story: Story, fields: dict[str, object]) -> None:
    answer = await story.client.post(f"{story.path}/calendars", json={"name": "Site", "week": OFFICE, **fields})
    assert answer.status_code == 422, answer.text
    task = {"name": "x", "calendar_id": story.ids["a"]}
    assert (await story.client.post(f"{story.path}/tasks", json=task)).json()["code"] == "reference_invalid"
