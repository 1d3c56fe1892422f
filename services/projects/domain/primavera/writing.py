"""Writes a plan and its schedule as Primavera's XER, table by table.

Summary tasks become nodes of the work breakdown structure, and their ids begin with `wbs:`; all else has numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from services.projects.domain.conventions import Conventions, ProgressMode
from services.projects.domain.plan import Plan, Resource, Task
from services.projects.domain.primavera.activity_writing import (
    assignment_record,
    kind_of,
    link_record,
    task_record,
    written_links,
)
from services.projects.domain.primavera.breakdown import PREFIX, TECHNIQUES
from services.projects.domain.primavera.calendar_writing import around_the_clock, calendar_data, complete
from services.projects.domain.primavera.options import FLOAT_TYPES, LAG_CALENDARS, PATHS
from services.projects.domain.primavera.record import Record, guid, hours, table
from services.projects.domain.primavera.resources import LABOR, kind_of_resource
from services.projects.domain.primavera.tasks import EFFORTS
from services.projects.domain.schedule import Schedule
from shared.working_time import WorkingCalendar

PROJECT: Final = "1"
ROLE: Final[Record] = {
    "role_id": 1, "parent_role_id": None, "seq_num": 1, "role_name": "Unassigned", "role_short_name": "Unassigned",
    "pobs_id": None, "def_cost_qty_link_flag": True, "cost_qty_type": "QT_Hour", "role_descr": None,
    "last_checksum": None,
}  # fmt: skip
SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
_LAGS: Final = {kind: name for name, kind in LAG_CALENDARS.items()}
_FLOATS: Final = {kind: name for name, kind in FLOAT_TYPES.items()}
_PATHS: Final = {kind: name for name, kind in PATHS.items()}
_COMPUTED: Final[Mapping[str, str]] = {technique.kind: name for name, technique in TECHNIQUES.items()}
_CLOCK_HOURS: Final = (24, 168, 720, 8760)


def xer_encoding(plan: Plan) -> str:
    """Windows' usual code page, which Primavera expects, if readers cannot take it for another; else UTF-8."""
    names = [plan.name, SYMBOLS.get(plan.currency, ""), *(each.name for each in plan.tasks)]
    names += [*(each.name for each in plan.resources), *(each.name for each in plan.calendars)]
    names += [each.wbs for each in plan.tasks]
    return "cp1252" if all(map(_is_plain, names)) else "utf-8"


def _is_plain(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("cp1252").decode()
    except UnicodeEncodeError:
        return False
    except UnicodeDecodeError:
        return True
    return False


def xer_lines(plan: Plan, schedule: Schedule, key: str) -> Iterator[str]:
    """The whole file in pieces of whole lines; `key` is the project's short name."""
    day = (plan.status_date or plan.start).date().isoformat()
    yield f"ERMHDR\t19.12\t{day}\tProject\tadmin\tadmin\tdbxDatabaseNoName\tProject Management\t{plan.currency}\r\n"
    for name, records in _Writer(plan, schedule, key).tables():
        yield from table(name, records)
    yield "%E\r\n"


class _Writer:
    """One plan under way to its tables."""

    def __init__(self, plan: Plan, schedule: Schedule, key: str) -> None:
        self.plan = plan
        self.key = key
        self.dates = {each.source_id: each for each in schedule.tasks}
        self.nodes = {
            task.source_id: task for task in plan.tasks if task.source_id.startswith(PREFIX) and task.outline_level > 0
        }
        self.tasks = {
            task.source_id: task for task in plan.tasks if task.is_active and not task.source_id.startswith(PREFIX)
        }
        self.root = str(1 + max((int(uid.removeprefix(PREFIX)) for uid in self.nodes), default=0))
        known = {calendar.source_id: calendar for calendar in plan.calendars}
        self.calendars = [complete(calendar, known) for calendar in plan.calendars]
        self.clock = str(1 + max(int(uid) for uid in known))
        if any(task.is_elapsed_duration for task in self.tasks.values()):
            self.calendars.append(around_the_clock(self.clock))
        # Work of nobody is that of a role, as in Primavera.
        self.kinds: dict[str | None, str] = {None: LABOR} | {
            each.source_id: kind_of_resource(each) for each in plan.resources
        }
        self.booked = [
            each
            for each in plan.assignments
            if each.resource_source_id in self.kinds and each.task_source_id in self.tasks
        ]

    def tables(self) -> Iterator[tuple[str, Iterable[Record]]]:
        """The tables in the order in which Primavera writes them."""
        resources = list(enumerate(self.plan.resources, 1))
        yield "CURRTYPE", [self._currency()]
        yield "OBS", [{"obs_id": 1, "parent_obs_id": None, "seq_num": 0, "obs_name": "Enterprise"}]
        yield "PROJECT", [self._project()]
        yield "CALENDAR", map(self._calendar, self.calendars)
        yield "SCHEDOPTIONS", [_options(self.plan.conventions)]
        yield "PROJWBS", self._breakdown()
        if any(each.resource_source_id is None for each in self.booked):
            yield "ROLES", [ROLE]
        yield "RSRC", (_resource(number, each) for number, each in resources)
        yield "RSRCRATE", (self._rate(number, each) for number, each in resources if _is_rated(each))
        yield "TASK", self._tasks()
        yield "PROJCOST", self._expenses()
        links = enumerate(written_links(self.plan, self._leaves()), 1)
        yield "TASKPRED", (link_record(number, link, PROJECT) for number, link in links)
        yield (
            "TASKRSRC",
            (
                assignment_record(each, self.tasks[each.task_source_id], PROJECT, self.kinds[each.resource_source_id])
                for each in self.booked
            ),
        )

    def _currency(self) -> Record:
        currency = self.plan.currency
        return {
            "curr_id": 1, "decimal_digit_cnt": 2, "curr_symbol": SYMBOLS.get(currency, currency),
            "decimal_symbol": ".", "digit_group_symbol": ",", "pos_curr_fmt_type": "#1.1",
            "neg_curr_fmt_type": "(#1.1)", "curr_type": currency, "curr_short_name": currency,
            "group_digit_cnt": 3, "base_exch_rate": 1,
        }  # fmt: skip

    def _project(self) -> Record:
        plan = self.plan
        return {
            "proj_id": PROJECT, "fy_start_month_num": 1, "rsrc_self_add_flag": True, "allow_complete_flag": True,
            "rsrc_multi_assign_flag": True, "checkout_flag": False, "project_flag": True, "step_complete_flag": False,
            "cost_qty_recalc_flag": False, "batch_sum_flag": True, "name_sep_char": ".",
            "def_complete_pct_type": "CP_Drtn", "proj_short_name": self.key, "clndr_id": plan.calendar_source_id,
            "task_code_base": 1000, "task_code_step": 10, "priority_num": 10, "wbs_max_sum_level": 2,
            "strgy_priority_num": 500, "critical_drtn_hr_cnt": hours(plan.conventions.critical_float_minutes),
            "def_cost_per_qty": 0, "last_recalc_date": plan.status_date or plan.start, "plan_start_date": plan.start,
            "plan_end_date": plan.must_finish, "scd_end_date": plan.finish, "add_date": plan.start,
            "def_duration_type": "DT_FixedDUR2", "task_code_prefix": "A", "guid": guid(plan.source_guid),
            "def_qty_type": "QT_Hour", "def_rate_type": "COST_PER_QTY", "def_task_type": "TT_Task",
            "critical_path_type": _PATHS[plan.conventions.critical_by], "def_rollup_dates_flag": True,
            "export_flag": True,
        }  # fmt: skip

    def _calendar(self, calendar: WorkingCalendar) -> Record:
        plan = self.plan
        day, week = plan.minutes_per_day, plan.minutes_per_week
        counted = [hours(minutes) for minutes in (day, week, day * plan.days_per_month, 52 * week)]
        of_day, of_week, of_month, of_year = _CLOCK_HOURS if calendar.source_id == self.clock else counted
        return {
            "clndr_id": calendar.source_id, "default_flag": calendar.source_id == plan.calendar_source_id,
            "clndr_name": calendar.name, "proj_id": None, "base_clndr_id": calendar.base_source_id,
            "last_chng_date": plan.start, "clndr_type": "CA_Base", "day_hr_cnt": of_day, "week_hr_cnt": of_week,
            "month_hr_cnt": of_month, "year_hr_cnt": of_year, "rsrc_private": False,
            "clndr_data": calendar_data(calendar),
        }  # fmt: skip

    def _breakdown(self) -> Iterator[Record]:
        earning: dict[str, set[str]] = {}
        for task in self.plan.tasks:
            if task.source_id not in self.nodes and task.activity_type not in EFFORTS:
                earning.setdefault(self._wbs(task), set()).add(task.ev_technique.kind if task.ev_technique else "")
        yield _node(self.root, None, 0, self.key, self.plan.name) | {"ev_compute_type": _technique(earning, self.root)}
        for number, task in enumerate(self.nodes.values(), 1):
            above = self.nodes.get(task.parent_source_id or "")
            code = task.wbs.removeprefix(f"{above.wbs}.") if above is not None and above.wbs else task.wbs
            uid = task.source_id.removeprefix(PREFIX)
            node = _node(uid, self._wbs(task), number, code or uid, task.name)
            yield {**node, "guid": guid(task.guid), "ev_compute_type": _technique(earning, uid)}

    def _wbs(self, task: Task) -> str:
        parent = task.parent_source_id or ""
        return parent.removeprefix(PREFIX) if parent in self.nodes else self.root

    def _rate(self, number: int, resource: Resource) -> Record:
        return {
            "rsrc_rate_id": number, "rsrc_id": resource.source_id, "max_qty_per_hr": resource.max_units,
            "cost_per_qty": resource.standard_rate, "start_date": self.plan.start.replace(hour=0, minute=0),
        }  # fmt: skip

    def _tasks(self) -> Iterator[Record]:
        waiting = {link.successor for link in self.plan.links}
        own = {each.source_id for each in self.plan.resources if each.calendar_source_id is not None}
        booked = {each.task_source_id for each in self.booked if each.resource_source_id in own}
        codes: set[str] = set()
        for uid, task in self.tasks.items():
            code = task.wbs or f"A{uid}"
            code = f"{code}-{uid}" if code in codes else code
            codes.add(code)
            by_resources = uid in booked and not (task.is_fixed_duration or task.ignores_resource_calendar)
            kind = kind_of(task, waits=uid in waiting, by_resources=by_resources)
            calendar = self.clock if task.is_elapsed_duration else task.calendar_source_id
            names: Record = {
                "proj_id": PROJECT, "wbs_id": self._wbs(task), "clndr_id": calendar or self.plan.calendar_source_id,
                "task_code": code,
            }  # fmt: skip
            yield task_record(task, kind, self.dates.get(uid), names)

    def _expenses(self) -> Iterator[Record]:
        for number, task in enumerate(self.tasks.values(), 1):
            if task.fixed_cost:
                spent = (task.fixed_cost * task.percent_complete / 100).quantize(task.fixed_cost)
                yield {
                    "cost_item_id": number, "proj_id": PROJECT, "task_id": task.source_id, "cost_name": "Fixed cost",
                    "target_cost": task.fixed_cost, "act_cost": spent, "remain_cost": task.fixed_cost - spent,
                }  # fmt: skip

    def _leaves(self) -> dict[str, list[Task]]:
        """The activities at or below each task."""
        leaves: dict[str, list[Task]] = {}
        parents = {task.source_id: task.parent_source_id for task in self.plan.tasks}
        for task in self.tasks.values():
            uid: str | None = task.source_id
            while uid is not None:
                leaves.setdefault(uid, []).append(task)
                uid = parents.get(uid)
        return leaves


def _technique(earning: Mapping[str, set[str]], uid: str) -> str:
    """How a node's activities earn, where they all do so in one way that Primavera has: it knows of nodes alone."""
    kinds = earning.get(uid, set())
    return _COMPUTED.get(next(iter(kinds)), "EC_Cmp_pct") if len(kinds) == 1 else "EC_Cmp_pct"


def _node(uid: str, parent: str | None, number: int, code: str, name: str) -> Record:
    return {
        "wbs_id": uid, "proj_id": PROJECT, "obs_id": 1, "seq_num": number, "est_wt": 1,
        "proj_node_flag": parent is None, "sum_data_flag": True, "status_code": "WS_Open", "wbs_short_name": code,
        "wbs_name": name, "parent_wbs_id": parent, "guid": None,
    }  # fmt: skip


def _resource(number: int, resource: Resource) -> Record:
    return {
        "rsrc_id": resource.source_id, "parent_rsrc_id": None, "clndr_id": resource.calendar_source_id,
        "rsrc_seq_num": number, "email_addr": resource.email, "rsrc_name": resource.name,
        "rsrc_short_name": f"R{resource.source_id}", "def_qty_per_hr": 1, "cost_qty_type": "QT_Hour", "ot_factor": 0,
        "active_flag": True, "auto_compute_act_flag": True, "def_cost_qty_link_flag": True, "ot_flag": False,
        "curr_id": 1, "rsrc_type": kind_of_resource(resource),
    }  # fmt: skip


def _is_rated(resource: Resource) -> bool:
    return resource.standard_rate is not None or resource.max_units != 1


def _options(conventions: Conventions) -> Record:
    return {
        "schedoptions_id": 1, "proj_id": PROJECT, "sched_outer_depend_type": "SD_Both",
        "sched_open_critical_flag": conventions.open_ends_critical,
        "sched_lag_early_start_flag": not conventions.lags_from_actual_start,
        "sched_retained_logic": conventions.progress is ProgressMode.RETAINED_LOGIC,
        "sched_progress_override": conventions.progress is ProgressMode.PROGRESS_OVERRIDE,
        "sched_setplantoforecast": False, "sched_float_type": _FLOATS[conventions.float_type],
        "sched_calendar_on_relationship_lag": _LAGS[conventions.lag_calendar],
        "sched_use_expect_end_flag": conventions.uses_expected_finish,
        "sched_use_project_end_date_for_float": True,
    }  # fmt: skip
