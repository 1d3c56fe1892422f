"""The structure of a plan: moving and copying branches, codes by hand and by a mask, projects from templates."""

from uuid import UUID, uuid4

import httpx2
import pytest

from shared.testing.http import Api
from tests.service.projects.test_batches import outline
from tests.service.projects.test_dependencies import PATCH, Story


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Tasks a, b, c, and a summary s of s1 and s2."""
    return await Story.make(director)


async def move(story: Story, name: str, **where: str) -> httpx2.Response:
    """Move a task by name to where names say."""
    path = f"{story.path}/tasks/{story.ids[name]}"
    etag = (await story.client.get(path)).headers["etag"]
    body = {key: story.ids[value] for key, value in where.items()}
    return await story.client.post(f"{path}/move", json=body, headers={"if-match": etag})


async def names(story: Story) -> str:
    """The outline as one line: two dots for each level."""
    return " ".join(".." * (level - 1) + name for name, _, level in await outline(story))


async def test_a_branch_moves_with_all_below_it(story: Story) -> None:
    moved = await move(story, "s", parent_id="a")
    assert moved.status_code == 200, moved.text
    assert (moved.json()["outline_level"], moved.json()["work_breakdown_structure"]) == (2, "1.1")
    assert await names(story) == "a ..s ....s1 ....s2 b c"
    assert ("s2", "1.1.2", 3) in await outline(story)
    assert (await move(story, "s", before_id="a")).status_code == 200
    assert await names(story) == "s ..s1 ..s2 a b c"
    assert (await story.client.get(f"{story.path}/tasks/{story.ids['a']}")).json()["is_summary"] is False
    assert (await move(story, "s1", after_id="b")).status_code == 200  # outdented
    assert (await move(story, "s1", parent_id="b")).status_code == 200  # indented
    assert await names(story) == "s ..s2 a b ..s1 c"


async def test_a_move_that_cannot_be_is_refused(story: Story) -> None:
    assert (await move(story, "s", parent_id="s1")).json()["code"] == "move_not_possible"
    assert (await move(story, "a", parent_id="s", after_id="b")).json()["code"] == "move_not_possible"
    path = f"{story.path}/tasks/{story.ids['a']}/move"
    assert (await story.client.post(path, json={})).status_code == 428
    assert (await story.client.post(path, json={}, headers={"if-match": '"9"'})).status_code == 412
    both = {"before_id": story.ids["b"], "after_id": story.ids["c"]}
    assert (await story.client.post(path, json=both, headers={"if-match": '"1"'})).status_code == 422


async def test_tasks_between_others_leave_these_alone(story: Story) -> None:
    before = (await story.client.get(f"{story.path}/tasks/{story.ids['c']}")).json()["version"]
    for _ in range(5):
        assert (await move(story, "a", after_id="b")).status_code == 200
        assert (await move(story, "a", before_id="b")).status_code == 200
    assert (await story.client.get(f"{story.path}/tasks/{story.ids['c']}")).json()["version"] == before


async def test_codes_are_made_by_the_mask_or_given_by_hand(story: Story) -> None:
    project = await story.client.get(story.path)
    headers = {"if-match": project.headers["etag"], **PATCH}
    wrong = await story.client.patch(story.path, json={"code_mask": "1..1"}, headers=headers)
    assert wrong.status_code == 422
    changed = await story.client.patch(story.path, json={"code_mask": "HT-|A.01"}, headers=headers)
    assert changed.status_code == 200, changed.text
    fixed = await story.client.post(f"{story.path}/tasks", json={"name": "x", "work_breakdown_structure": "X"})
    assert (fixed.json()["work_breakdown_structure"], fixed.json()["has_fixed_code"]) == ("X", True)
    made = await story.client.post(f"{story.path}/tasks", json={"name": "y"})
    assert made.json()["work_breakdown_structure"] == "HT-E"
    numbered = await story.client.post(f"{story.path}/tasks/renumber")
    assert numbered.json() == {"changed": 6}, numbered.text
    codes = [code for _, code, _ in await outline(story)]
    assert codes == ["HT-A", "HT-B", "HT-C", "HT-D", "HT-D.01", "HT-D.02", "X", "HT-E"]
    headers["if-match"] = '"1"'
    body = {"work_breakdown_structure": None}
    freed = await story.client.patch(fixed.headers["location"], json=body, headers=headers)
    assert (freed.json()["work_breakdown_structure"], freed.json()["has_fixed_code"]) == ("HT-F", False)


async def test_a_branch_is_copied_with_its_links(story: Story) -> None:
    await story.link("s1", "s2")
    await story.link("a", "s1")
    project = story.path.rpartition("/")[2]
    body = {"source_project_id": project, "task_ids": [story.ids["s"]], "parent_id": story.ids["b"]}
    copied = await story.client.post(f"{story.path}/tasks/copy", json=body)
    assert copied.status_code == 201, copied.text
    assert await names(story) == "a b ..s ....s1 ....s2 c s ..s1 ..s2"
    assert [item["source_id"] for item in copied.json()["items"]] == [story.ids[name] for name in ("s", "s1", "s2")]
    links = (await story.client.get(f"{story.path}/dependencies")).json()["items"]
    new = {item["source_id"]: item["id"] for item in copied.json()["items"]}
    assert (new[story.ids["s1"]], new[story.ids["s2"]]) in {(i["predecessor_id"], i["successor_id"]) for i in links}
    assert len(links) == 3


async def another_of(story: Story) -> str:
    """The id of another project of the same owner."""
    made = await story.client.post("/v1/projects", json={"name": "Another"})
    return str(made.json()["id"])


async def test_a_project_is_made_from_a_template(story: Story, service: Api, organization: UUID) -> None:
    await story.link("a", "s", lag=480)
    project = await story.client.get(story.path)
    headers = {"if-match": project.headers["etag"], **PATCH}
    task = {"deadline": "2026-01-30T17:00:00Z", "percent_complete": 100}
    await story.client.patch(f"{story.path}/tasks/{story.ids['a']}", json=task, headers={"if-match": '"1"', **PATCH})
    manager = service.as_(organization, "project_manager", subject="mia")
    body = {"name": "Second", "start": "2027-01-04T08:00:00Z", "template_id": project.json()["id"]}
    hidden = await manager.post("/v1/projects", json=body)
    missing = await manager.post("/v1/projects", json={**body, "template_id": str(uuid4())})
    for refused in (hidden, missing):  # whether it exists is not told
        assert (refused.status_code, refused.json()["code"]) == (422, "reference_invalid")
    assert hidden.json()["errors"] == missing.json()["errors"]
    assert hidden.json()["errors"][0]["pointer"] == "/template_id"
    assert (await story.client.patch(story.path, json={"is_template": True}, headers=headers)).status_code == 200
    made = await manager.post("/v1/projects", json=body)
    assert made.status_code == 201, made.text
    second = Story(manager, made.json()["id"])
    assert await names(second) == "a b c s ..s1 ..s2"
    for source in (await another_of(story), str(uuid4())):
        refused = await manager.post(f"{second.path}/tasks/copy", json={"source_project_id": source})
        assert (refused.status_code, refused.json()["code"]) == (422, "reference_invalid")
        assert refused.json()["errors"][0]["pointer"] == "/source_project_id"
    first = (await manager.get(f"{second.path}/tasks?name=a")).json()["items"][0]
    assert (first["percent_complete"], first["actual_finish"]) == (0, None)
    assert first["deadline"] == "2027-01-29T17:00:00+00:00"
    assert (await second.starts())["s1"] == "01-06T08:00"


async def create(story: Story, name: str, **where: str) -> httpx2.Response:
    """Add a task where names say."""
    body = {"name": name, **{key: story.ids[value] for key, value in where.items()}}
    made = await story.client.post(f"{story.path}/tasks", json=body)
    if made.status_code == 201:
        story.ids[name] = made.json()["id"]
    return made


async def test_a_new_task_stands_last_in_its_branch_or_beside_a_sibling(story: Story) -> None:
    for name, where in (
        ("a1", {"parent_id": "a"}),
        ("a2", {"parent_id": "a"}),
        ("a11", {"parent_id": "a1"}),
        ("s3", {"parent_id": "s"}),
        ("s0", {"before_id": "s1"}),
        ("a12", {"parent_id": "a1", "after_id": "a11"}),
        ("b0", {"before_id": "b"}),
        ("last", {}),
    ):
        assert (await create(story, name, **where)).status_code == 201
    assert await names(story) == "a ..a1 ....a11 ....a12 ..a2 b0 b c s ..s0 ..s1 ..s2 ..s3 last"
    listed = (await story.client.get(f"{story.path}/tasks", params={"fields": "name"})).json()["items"]
    assert " ".join(item["name"] for item in listed) == "a a1 a11 a12 a2 b0 b c s s0 s1 s2 s3 last"
    codes = {name: code for name, code, _ in await outline(story)}
    assert (codes["a1"], codes["a11"], codes["a12"], codes["a2"]) == ("1.1", "1.1.1", "1.1.2", "1.2")
    assert len(set(codes.values())) == len(codes)


async def test_a_branch_takes_any_number_of_new_tasks_in_their_order(story: Story) -> None:
    made = [f"a{number}" for number in range(60)]
    for name in made:
        assert (await create(story, name, parent_id="a")).status_code == 201
    assert await names(story) == f"a {' '.join('..' + name for name in made)} b c s ..s1 ..s2"


async def test_a_place_that_cannot_be_is_refused(story: Story) -> None:
    apart = await create(story, "x", parent_id="s", after_id="b")
    assert (apart.status_code, apart.json()["code"]) == (409, "move_not_possible")
    assert (await create(story, "x", before_id="a", after_id="b")).status_code == 422
    body = {"name": "x", "after_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"}
    unknown = await story.client.post(f"{story.path}/tasks", json=body)
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/after_id")
