"""Primavera's XML as the rows of XER's tables: its elements and values under the names that XER has for them."""

from collections.abc import Iterable, Iterator
from typing import Final

from services.projects.domain.fields import Row
from services.projects.domain.xml_guard import CHUNK, NAMESPACE_SEPARATOR, XmlGuard

ROOT: Final = "APIBusinessObjects"
MAX_ROW: Final = 200_000  # elements kept of one row


def _pairs(text: str) -> dict[str, str]:
    """Elements and columns: `Element=column Element=column`."""
    return dict(pair.split("=", 1) for pair in text.split())


_COLUMNS: Final = {
    "Calendar": _pairs(
        "ObjectId=clndr_id Name=clndr_name ProjectObjectId=proj_id BaseCalendarObjectId=base_clndr_id"
        " HoursPerDay=day_hr_cnt HoursPerWeek=week_hr_cnt HoursPerMonth=month_hr_cnt IsDefault=default_flag"
    ),
    "WBS": _pairs(
        "ObjectId=wbs_id ProjectObjectId=proj_id SequenceNumber=seq_num Code=wbs_short_name Name=wbs_name"
        " ParentObjectId=parent_wbs_id EarnedValueComputeType=ev_compute_type GUID=guid"
    ),
    "Activity": _pairs(
        "ObjectId=task_id ProjectObjectId=proj_id WBSObjectId=wbs_id CalendarObjectId=clndr_id Id=task_code"
        " Name=task_name Type=task_type Status=status_code PercentCompleteType=complete_pct_type"
        " PhysicalPercentComplete=phys_complete_pct PlannedDuration=target_drtn_hr_cnt"
        " RemainingDuration=remain_drtn_hr_cnt ActualLaborUnits=act_work_qty RemainingLaborUnits=remain_work_qty"
        " ActualNonLaborUnits=act_equip_qty RemainingNonLaborUnits=remain_equip_qty"
        " PlannedStartDate=target_start_date PlannedFinishDate=target_end_date ActualStartDate=act_start_date"
        " ActualFinishDate=act_end_date SuspendDate=suspend_date ResumeDate=resume_date"
        " PrimaryConstraintType=cstr_type PrimaryConstraintDate=cstr_date SecondaryConstraintType=cstr_type2"
        " SecondaryConstraintDate=cstr_date2 LevelingPriority=priority_type ExpectedFinishDate=expect_end_date"
        " ExternalEarlyStartDate=external_early_start_date ExternalLateFinishDate=external_late_end_date"
        " GUID=guid"
    ),
    "Relationship": _pairs(
        "SuccessorActivityObjectId=task_id PredecessorActivityObjectId=pred_task_id SuccessorProjectObjectId=proj_id"
        " PredecessorProjectObjectId=pred_proj_id Type=pred_type Lag=lag_hr_cnt"
    ),
    "Resource": _pairs(
        "ObjectId=rsrc_id Name=rsrc_name Id=rsrc_short_name ResourceType=rsrc_type CalendarObjectId=clndr_id"
        " EmailAddress=email_addr"
    ),
    "ResourceRate": _pairs(
        "ResourceObjectId=rsrc_id EffectiveDate=start_date MaxUnitsPerTime=max_qty_per_hr PricePerUnit=cost_per_qty"
    ),
    "ResourceAssignment": _pairs(
        "ObjectId=taskrsrc_id ActivityObjectId=task_id ProjectObjectId=proj_id ResourceObjectId=rsrc_id"
        " PlannedUnitsPerTime=target_qty_per_hr RemainingUnitsPerTime=remain_qty_per_hr ActualUnits=act_reg_qty"
        " RemainingUnits=remain_qty ActualCost=act_reg_cost RemainingCost=remain_cost ActualStartDate=act_start_date"
        " ActualFinishDate=act_end_date PlannedStartDate=target_start_date PlannedFinishDate=target_end_date"
    ),
    "ActivityExpense": _pairs("ActivityObjectId=task_id ActualCost=act_cost RemainingCost=remain_cost"),
    "Currency": _pairs("Id=currency ExchangeRate=rate"),
    "Project": _pairs(
        "ObjectId=proj_id Id=proj_short_name Name=proj_name ActivityDefaultCalendarObjectId=clndr_id GUID=guid"
        " PlannedStartDate=plan_start_date MustFinishByDate=plan_end_date ScheduledFinishDate=scd_end_date"
        " DataDate=last_recalc_date CriticalActivityFloatLimit=critical_drtn_hr_cnt"
        " CriticalActivityPathType=critical_path_type"
    ),
}
_OPTIONS: Final = _pairs(
    "RelationshipLagCalendar=sched_calendar_on_relationship_lag ComputeTotalFloatType=sched_float_type"
    " MakeOpenEndedActivitiesCritical=sched_open_critical_flag UseExpectedFinishDates=sched_use_expect_end_flag"
    " OutOfSequenceScheduleType=order StartToStartLagCalculationType=sched_lag_early_start_flag"
)
_COLUMNS["Project"] |= _OPTIONS
_COLUMNS["ScheduleOptions"] = {"ProjectObjectId": "proj_id", **_OPTIONS}
_TABLES: Final = {
    "Calendar": "CALENDAR", "WBS": "PROJWBS", "Activity": "TASK", "Relationship": "TASKPRED", "Resource": "RSRC",
    "ResourceRate": "RSRCRATE", "ResourceAssignment": "TASKRSRC", "ActivityExpense": "PROJCOST",
    "ScheduleOptions": "SCHEDOPTIONS",
}  # fmt: skip
_GROUPS: Final = {
    "StandardWorkWeek": "week", "HolidayOrExceptions": "exceptions", "StandardWorkHours": "StandardWorkHours",
    "HolidayOrException": "HolidayOrException", "WorkTime": "WorkTime",
}  # fmt: skip
_DAY_FIELDS: Final = frozenset({"DayOfWeek", "Date", "Start", "Finish"})
_YES_NO: Final = {"1": "Y", "0": "N", "true": "Y", "false": "N"}
_CONSTRAINTS: Final = {
    "As Late As Possible": "CS_ALAP", "Finish On": "CS_MEO", "Finish On or After": "CS_MEOA",
    "Finish On or Before": "CS_MEOB", "Mandatory Finish": "CS_MANDFIN", "Mandatory Start": "CS_MANDSTART",
    "Start On": "CS_MSO", "Start On or After": "CS_MSOA", "Start On or Before": "CS_MSOB",
}  # fmt: skip
_VALUES: Final = {
    "default_flag": _YES_NO,
    "critical_path_type": {"Critical Float": "CT_TotFloat", "Longest Path": "CT_DrivPath"},
    "sched_open_critical_flag": _YES_NO,
    "sched_use_expect_end_flag": _YES_NO,
    "sched_lag_early_start_flag": _YES_NO,
    "task_type": {
        "Task Dependent": "TT_Task", "Resource Dependent": "TT_Rsrc", "Start Milestone": "TT_Mile",
        "Finish Milestone": "TT_FinMile", "Level of Effort": "TT_LOE", "WBS Summary": "TT_WBS",
    },
    "status_code": {"Not Started": "TK_NotStart", "In Progress": "TK_Active", "Completed": "TK_Complete"},
    "complete_pct_type": {"Duration": "CP_Drtn", "Physical": "CP_Phys", "Units": "CP_Units", "Scope": "CP_Drtn"},
    "pred_type": {
        "Finish to Start": "PR_FS", "Start to Start": "PR_SS", "Finish to Finish": "PR_FF", "Start to Finish": "PR_SF",
    },
    "ev_compute_type": {"0 / 100": "EC_0_100", "50 / 50": "EC_50_50"},
    "cstr_type": _CONSTRAINTS,
    "cstr_type2": _CONSTRAINTS,
    "priority_type": {
        "Top": "PT_Top", "High": "PT_High", "Normal": "PT_Normal", "Low": "PT_Low", "Lowest": "PT_Lowest",
    },
    "rsrc_type": {"Labor": "RT_Labor", "Nonlabor": "RT_Equip", "Material": "RT_Mat"},
    "sched_float_type": {
        "Start Float = Late Start - Early Start": "FT_SF", "Finish Float = Late Finish - Early Finish": "FT_FF",
        "Smallest of Start Float and Finish Float": "FT_MIN",
    },
    "sched_calendar_on_relationship_lag": {
        "Predecessor Activity Calendar": "rcal_Predecessor", "Successor Activity Calendar": "rcal_Successor",
        "Project Default Calendar": "rcal_ProjDefault", "24 Hour Calendar": "rcal_24Hour",
    },
}  # fmt: skip
_ORDERS: Final = {"Retained Logic": ("Y", "N"), "Progress Override": ("N", "Y"), "Actual Dates": ("N", "N")}


class PmxmlCheck(XmlGuard):
    """Checks bytes while they are received: well-formed, harmless, and Primavera's objects."""

    def __init__(self) -> None:
        super().__init__()
        self._root: str | None = None

    def started(self, name: str) -> None:
        if self._root is None:
            self._root = name.rpartition(NAMESPACE_SEPARATOR)[2]
            if self._root != ROOT:
                self.refuse("not_pmxml", f"the root element is not {ROOT} of Primavera's XML")


class PmxmlReader(PmxmlCheck):
    """Collects rows as (table, row) in `complete`."""

    def __init__(self) -> None:
        super().__init__()
        self.complete: list[tuple[str, Row]] = []
        self._path: list[tuple[str, Row | None]] = []  # element names, with the row that is kept of each
        self._pieces: list[str] = []
        self._kept = 0

    def started(self, name: str) -> None:
        super().started(name)
        local = name.rpartition(NAMESPACE_SEPARATOR)[2]
        self._pieces.clear()
        depth = len(self._path)
        row: Row | None = None
        if depth == 1 or (depth == 2 and self._path[1][0] == "Project"):
            row = Row(self.line) if local in _COLUMNS and (depth == 1 or local != "Project") else None
            self._kept = 0 if depth == 1 else self._kept
        elif depth > 1 and local in _GROUPS and (above := self._path[-1][1]) is not None:
            row = Row()
            above.rows.setdefault(_GROUPS[local], []).append(row)
            self._kept += 1
            if self._kept > MAX_ROW:
                self.refuse("xml_too_large", f"a row of more than {MAX_ROW} elements")
        self._path.append((local, row))

    def ended(self) -> None:
        name, row = self._path.pop()
        if row is not None:
            if len(self._path) in {1, 2}:
                self._finish(name, row)
        elif self._path and (above := self._path[-1][1]) is not None and (text := "".join(self._pieces).strip()):
            self._set(self._path[-1][0], above, name, text)
        self._pieces.clear()

    def text(self, data: str) -> None:
        if self._path and self._path[-1][1] is None:
            self._pieces.append(data)

    def _set(self, element: str, row: Row, name: str, text: str) -> None:
        if name in _DAY_FIELDS and element in _GROUPS:
            row.texts[name] = text
        elif (column := _COLUMNS.get(element, {}).get(name)) is not None:
            row.texts[column] = _VALUES.get(column, {}).get(text, text)

    def _finish(self, name: str, row: Row) -> None:
        texts = row.texts
        if name == "Activity" and (share := texts.get("phys_complete_pct")):
            texts["phys_complete_pct"] = _hundredfold(share)
        if "order" in texts:
            texts["sched_retained_logic"], texts["sched_progress_override"] = _ORDERS.get(texts["order"], ("Y", "N"))
        if name == "Currency":
            if texts.get("rate", "1") in {"1", "1.0"}:
                self.complete.append(("ERMHDR", row))
        elif name == "Project":
            # What only lends activities to links of others is named by little more than its id.
            texts["export_flag"] = "Y" if "plan_start_date" in texts or "last_recalc_date" in texts else "N"
            self.complete.append(("PROJECT", row))
            self.complete.append(("SCHEDOPTIONS", row))
        elif name in _TABLES:
            self.complete.append((_TABLES[name], row))


def _hundredfold(share: str) -> str:
    """Percent of a share between 0 and 1; a text that is none stays."""
    try:
        return f"{float(share.replace(',', '.')) * 100:.2f}"
    except ValueError:
        return share


def read_elements(chunks: Iterable[bytes], reader: PmxmlReader) -> Iterator[tuple[str, Row]]:
    """The rows of a whole file, each as soon as it is complete; raises PlanFileError."""
    for chunk in chunks:
        for begin in range(0, len(chunk), CHUNK):
            reader.feed(chunk[begin : begin + CHUNK])
            yield from reader.complete
            reader.complete.clear()
    reader.close()
    yield from reader.complete
    reader.complete.clear()
