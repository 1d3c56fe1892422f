"""The life cycle's table, and the page that shows it."""

from services.projects.domain.project import INITIAL, MOVES, OVER, ProjectStatus, moves_from
from shared.permissions import Permission, Role, reach
from shared.testing.cases import ROOT


def test_every_state_can_be_reached_and_left_but_the_last_two() -> None:
    assert {move.target for move in MOVES} | INITIAL == set(ProjectStatus)
    assert {status for status in ProjectStatus if not moves_from(status)} == OVER
    assert len({(move.source, move.target) for move in MOVES}) == len(MOVES)


def test_only_directors_and_managers_approve_and_executives_move_nothing() -> None:
    def has(role: Role, permission: Permission) -> bool:
        return reach(frozenset({role}), frozenset(), permission) is not None

    assert {role for role in Role if has(role, Permission.PROJECT_APPROVE)} == {Role.PMO_DIRECTOR, Role.PMO_MANAGER}
    assert {role for role in Role if has(role, Permission.PROJECT_OVERRIDE)} == {Role.PMO_DIRECTOR}
    assert {move.permission for move in MOVES if has(Role.EXECUTIVE, move.permission)} == set()


def test_the_page_shows_the_table_as_it_is() -> None:
    def cell(*, is_so: bool) -> str:
        return "yes" if is_so else ""

    rows = [
        (
            move.source,
            move.target,
            move.permission,
            cell(is_so=move.needs_reason),
            cell(is_so=move.by_another),
            cell(is_so=move.closes),
        )
        for move in MOVES
    ]
    lines = (ROOT / "docs" / "from-request-to-closing.md").read_text().splitlines()
    shown = [tuple(part.strip() for part in line.strip("|").split("|")) for line in lines if line.startswith("| ")]
    assert shown[1:] == rows
