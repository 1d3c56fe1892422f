"""What is kept of Primavera's tables: the columns as XER names them, which PMXML's elements are brought to."""

from typing import Final


def _columns(names: str) -> frozenset[str]:
    return frozenset(names.split())


TABLES: Final = {
    "PROJECT": _columns(
        "proj_id proj_short_name proj_name clndr_id guid plan_start_date plan_end_date scd_end_date last_recalc_date"
        " critical_drtn_hr_cnt critical_path_type export_flag"
    ),
    "SCHEDOPTIONS": _columns(
        "proj_id sched_retained_logic sched_progress_override sched_float_type sched_open_critical_flag"
        " sched_calendar_on_relationship_lag sched_use_expect_end_flag sched_use_project_end_date_for_float"
        " sched_lag_early_start_flag"
    ),
    "CALENDAR": _columns(
        "clndr_id clndr_name proj_id base_clndr_id day_hr_cnt week_hr_cnt month_hr_cnt clndr_data default_flag"
    ),
    "PROJWBS": _columns(
        "wbs_id proj_id seq_num proj_node_flag wbs_short_name wbs_name parent_wbs_id guid ev_compute_type"
    ),
    "TASK": _columns(
        "task_id proj_id wbs_id clndr_id task_code task_name task_type duration_type status_code complete_pct_type"
        " phys_complete_pct target_drtn_hr_cnt remain_drtn_hr_cnt act_work_qty remain_work_qty act_equip_qty"
        " remain_equip_qty target_start_date target_end_date act_start_date act_end_date suspend_date resume_date"
        " cstr_type cstr_date cstr_type2 cstr_date2 priority_type expect_end_date"
        " external_early_start_date external_late_end_date guid"
    ),
    "TASKPRED": _columns("task_id pred_task_id proj_id pred_proj_id pred_type lag_hr_cnt"),
    "RSRC": _columns("rsrc_id rsrc_name rsrc_short_name rsrc_type clndr_id email_addr"),
    "RSRCRATE": _columns("rsrc_id start_date max_qty_per_hr cost_per_qty"),
    "TASKRSRC": _columns(
        "taskrsrc_id task_id proj_id rsrc_id role_id target_qty_per_hr remain_qty_per_hr act_reg_qty act_ot_qty"
        " remain_qty act_reg_cost act_ot_cost remain_cost act_start_date act_end_date target_start_date target_end_date"
    ),
    "PROJCOST": _columns("task_id act_cost remain_cost"),
}
