"""Small XER files for the tests."""

from collections.abc import Mapping, Sequence

from services.projects.domain.plan import Plan, PlanFile
from services.projects.domain.primavera import read_xer

WEEK = "".join(f"(0||{day}()({'' if day in (1, 7) else '(0||0(s|08:00|f|16:00)())'}))" for day in range(1, 8))
CALENDAR_DATA = (
    f"(0||CalendarData()(\x7f\x7f  (0||DaysOfWeek()({WEEK}))\x7f\x7f  (0||Exceptions()((0||0(d|46083)()))) ))"
)
HEADER = "ERMHDR\t19.12\t2026-03-02\tProject\tadmin\tAdmin\tdb\tProject Management\tEUR"

Rows = Sequence[Mapping[str, object]]

PROJECT: Mapping[str, object] = {
    "proj_id": 1, "proj_short_name": "P1", "clndr_id": 10, "guid": "ct/gj8YZReu08mrWMEPtVA", "export_flag": "Y",
    "plan_start_date": "2026-03-02 08:00", "last_recalc_date": "2026-03-02 08:00", "critical_drtn_hr_cnt": 0,
}  # fmt: skip
CALENDAR: Mapping[str, object] = {
    "clndr_id": 10, "clndr_name": "Five days", "day_hr_cnt": 8, "week_hr_cnt": 40, "month_hr_cnt": 172,
    "clndr_data": CALENDAR_DATA,
}  # fmt: skip
ROOT: Mapping[str, object] = {"wbs_id": 1, "proj_id": 1, "proj_node_flag": "Y", "wbs_name": "Bridge", "seq_num": 0}


def node(uid: int, parent: int = 1, project: int = 1, **values: object) -> dict[str, object]:
    """A WBS node."""
    return {
        "wbs_id": uid, "proj_id": project, "proj_node_flag": "N", "parent_wbs_id": parent, "seq_num": uid,
        "wbs_short_name": f"N{uid}", "wbs_name": f"Node {uid}", **values,
    }  # fmt: skip


def activity(uid: int, wbs: int = 1, project: int = 1, **values: object) -> dict[str, object]:
    """An activity of a day."""
    return {
        "task_id": uid, "proj_id": project, "wbs_id": wbs, "clndr_id": 10, "task_code": f"A{uid}",
        "task_name": f"Activity {uid}", "task_type": "TT_Task", "status_code": "TK_NotStart",
        "complete_pct_type": "CP_Drtn", "target_drtn_hr_cnt": 8, "remain_drtn_hr_cnt": 8, **values,
    }  # fmt: skip


def relationship(before: int, after: int, **values: object) -> dict[str, object]:
    """A finish-to-start relationship without lag."""
    return {
        "task_id": after, "pred_task_id": before, "proj_id": 1, "pred_proj_id": 1, "pred_type": "PR_FS",
        "lag_hr_cnt": 0, **values,
    }  # fmt: skip


def table(name: str, rows: Rows) -> str:
    """A table with every field that a row of it has."""
    fields = list(dict.fromkeys(field for row in rows for field in row))
    lines = ["\t".join(["%R", *(str(row.get(field, "")) for field in fields)]) for row in rows]
    return "\r\n".join([f"%T\t{name}", "\t".join(["%F", *fields]), *lines])


def document(
    tasks: Rows = (), links: Rows = (), nodes: Rows = (ROOT,), projects: Rows = (PROJECT,), **tables: Rows
) -> str:
    """A whole file."""
    parts = {"PROJECT": projects, "CALENDAR": (CALENDAR,), "PROJWBS": nodes, "TASK": tasks, "TASKPRED": links, **tables}
    return "\r\n".join([HEADER, *(table(name, rows) for name, rows in parts.items() if rows), "%E", ""])


def read_file(tasks: Rows = (), links: Rows = (), **tables: Rows) -> PlanFile:
    """What a file made of these tables holds."""
    return read_xer([document(tasks, links, **tables).encode()])


def read(tasks: Rows = (), links: Rows = (), **tables: Rows) -> Plan:
    """The one plan of a file made of these tables."""
    (plan,) = read_file(tasks, links, **tables).plans.values()
    return plan
