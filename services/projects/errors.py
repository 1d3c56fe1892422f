"""The facts that projects refuses with."""

from shared.errors import Conflict, Forbidden, ValidationFailed


class ProjectKeyTaken(Conflict):
    """Another project of the organization has this key."""

    code, title = "project_key_taken", "Another project has this key"
    cause = "Human keys are unique in an organization."
    cure = "Choose another key, or leave it out and take the next number."


class ProjectSourceTaken(Conflict):
    """Another project of the organization has this source id."""

    code, title = "project_source_taken", "Another project has this source_id"
    cause = "A source_id names one project of the organization; a file names it by its GUID."
    cure = "Change that project, or use another source_id; import the file into a project that project_id names."


class KeyTaken(Conflict):
    """Something else of the same kind has this key."""

    code, title = "key_taken", "The key is taken"
    cause = "Keys are unique among the things of one kind in an organization."
    cure = "Choose another key, or leave it out where a number can be given."


class InUse(Conflict):
    """Something else hangs on it."""

    code, title = "in_use", "Something else hangs on it"
    cause = "Portfolios, programmes or projects refer to it, or values of it are stored."
    cure = "Move or change what refers to it first; retire a custom field instead of deleting it."


class PortfolioCycle(Conflict):
    """The portfolio would be part of itself."""

    code, title = "portfolio_cycle", "A portfolio cannot be part of itself"
    cause = "The portfolio named as its parent is itself, or lies below it."
    cure = "Choose a parent that is not below it."


class PortfolioItemExists(Conflict):
    """The project is in the portfolio already."""

    code, title = "portfolio_item_exists", "The project is in the portfolio already"
    cause = "A project is in a portfolio once, with one weight."
    cure = "Change the weight of the item that there is."


class TaskSourceTaken(Conflict):
    """Another task of the project has this source id."""

    code, title = "task_source_taken", "Another task of the project has this source_id"
    cause = "A source_id names one task of a project."
    cure = "Change that task, or use another source_id."


class StatusMoveNotAllowed(Conflict):
    """The life cycle does not allow this move."""

    code, title = "status_move_not_allowed", "The life cycle does not allow this move"
    cause = "The project's present status cannot be followed by the one asked for."
    cure = "Move through the states in between; detail lists those that may follow."


class StillOpen(Conflict):
    """Something is still open that has to be done before closing."""

    code, title = "still_open", "Something is still open"
    cause = (
        "What is to be closed still has work, requests or parts that are open; errors[] says of which kind how many."
    )
    cure = "Finish or remove them, or have a PMO director close it with `override` and a reason."


class ProjectClosed(Conflict):
    """The project is closed or cancelled, so its plan stays as it is."""

    code, title = "project_closed", "The project is closed"
    cause = "Plans of closed and cancelled projects do not change, and neither does progress in them."
    cure = "Make a new project, with a copy of the plan if need be."


class TaskHasChildren(Conflict):
    """The task sums up others."""

    code, title = "task_has_children", "The task has tasks below it"
    cause = "Deleting it would leave them without a parent."
    cure = "Delete or move the tasks below it first."


class TaskIsSummary(Conflict):
    """Progress of a summary is what the tasks below it sum up to."""

    code, title = "task_is_summary", "Progress of a summary comes from the tasks below it"
    cause = "The task has tasks below it; its progress and cost are sums."
    cure = "State the progress of the tasks below it."


class TaskUnderWay(Conflict):
    """What was done of a task would no longer count if tasks were put below it."""

    code, title = "task_under_way", "No task is put below one that is under way"
    cause = "The task has progress or actual cost of its own; those of a summary are the sums of the tasks below it."
    cure = "Put the new task beside it, or take back what was stated of it first (0 percent, no actual cost)."


class DependencyCycle(Conflict):
    """Tasks would wait for each other."""

    code, title = "dependency_cycle", "Tasks would wait for each other"
    cause = "The change closes a loop of dependencies, through summaries too; errors[] tells its tasks in order."
    cure = "Leave out or turn around one of the dependencies of the loop."


class DependencyExists(Conflict):
    """The two tasks are linked in this way already."""

    code, title = "dependency_exists", "The two tasks are linked in this way already"
    cause = "Two tasks have at most one dependency of each type from the one to the other."
    cure = "Change that dependency, or use another type."


class ProjectLinkExists(Conflict):
    """The two tasks are linked in this way already."""

    code, title = "project_link_exists", "The two tasks of the projects are linked in this way already"
    cause = "Two tasks have at most one link of each type from the one to the other that is offered or in force."
    cure = "Change that link, or use another type."


class ProjectLinkDecided(Conflict):
    """The link is not in a state in which this can be done."""

    code, title = "project_link_decided", "The link is not in a state in which this can be done"
    cause = "Hard links are not decided; soft ones that were refused or withdrawn stay so."
    cure = "Offer a new link, or delete the hard one."


class CalendarInUse(Conflict):
    """Something works by this calendar."""

    code, title = "calendar_in_use", "Something works by this calendar"
    cause = "The project, a task, a resource or another calendar refers to it."
    cure = "Give these another calendar first."


class CalendarCycle(Conflict):
    """The calendar would work as itself."""

    code, title = "calendar_cycle", "A calendar cannot work as itself"
    cause = "The calendar named as its base is itself, or works as it; errors[] names the loop in order."
    cure = "Choose a base that does not work as this calendar."


class CalendarInherited(Conflict):
    """The calendar is inherited from the organization."""

    code, title = "calendar_inherited", "The calendar is inherited from the organization"
    cause = "A calendar that a project inherits is as the organization's is, and changes with it."
    cure = "Make a calendar of the project's own with this one as its base, or change the organization's."


class CalendarWithoutWork(ValidationFailed):
    """The calendar has no working time."""

    code, title = "calendar_without_work", "The calendar has no working time"
    cause = (
        "Neither its week nor an exception has shifts, and there is no base that has: holidays alone are no calendar."
    )
    cure = "State a week, or name a base that has one."


class CalendarSourceTaken(Conflict):
    """Another calendar of the project has this source id."""

    code, title = "calendar_source_taken", "Another calendar of the project has this source_id"
    cause = "A source_id names one calendar of a project."
    cure = "Change that calendar, or use another source_id."


class MoveNotPossible(Conflict):
    """The task cannot be put there."""

    code, title = "move_not_possible", "The task cannot be put there"
    cause = (
        "It would be below itself, deeper than 100 levels, or the sibling named is not directly below the parent named."
    )
    cure = "Name another parent, or a sibling that is directly below it."


class BatchRefused(Conflict):
    """Something in the batch cannot be done, so nothing was."""

    code, title = "batch_refused", "Nothing of the batch was done"
    cause = "The batch is atomic and at least one of its items cannot be done; errors[] says which and why."
    cure = "Mend those items, or send the batch with mode best_effort."


class NewerProgressKnown(Conflict):
    """Progress as of a later instant is known already."""

    code, title = "newer_progress_known", "Newer progress is known already"
    cause = "The change would count as of now or `progress_at`, but progress as of a later instant was stated before."
    cure = "State it as of its own instant with `POST /v1/projects/{project_id}/progress/batch`: it is kept as a fact."


class ProgressContradicts(ValidationFailed):
    """What is stated of a task's progress cannot be true."""

    code, title = "progress_contradicts", "The progress contradicts itself or what is known"
    cause = "Stated dates, percents, actual and remaining figures do not fit together; errors[] says which."
    cure = "State fewer of them, as the others follow, or mend those that errors[] names."


class TechniqueInvalid(ValidationFailed):
    """The earned-value technique cannot be the task's."""

    code, title = "technique_invalid", "The earned-value technique cannot be this task's"
    cause = "A task that others are measured by must earn by its own progress: no summary, level of effort or circle."
    cure = "Choose another base task, or another technique for it."


class NothingToBaseline(Conflict):
    """The plan has no dates that a baseline could hold."""

    code, title = "nothing_to_baseline", "There is nothing to take as a baseline"
    cause = "The project has no scheduled task, so a baseline would hold nothing."
    cure = "Add tasks, or mend what keeps the plan from being scheduled (`problem` of its schedule), and ask again."


class NothingScheduled(Conflict):
    """The project has no schedule that could be looked at."""

    code, title = "nothing_scheduled", "The project has no schedule"
    cause = "It has no tasks, or its plan cannot be scheduled; detail says which."
    cure = "Add tasks, or mend what keeps the plan from being scheduled (`problem` of its schedule)."


class ScheduleHasProblem(Conflict):
    """The plan as it is cannot be scheduled."""

    code, title = "schedule_has_problem", "The plan as it is cannot be scheduled"
    cause = "The dates that there are belong to an earlier state of the plan: a baseline of them would hold neither."
    cure = "Mend what keeps the plan from being scheduled (detail, or `problem` of its schedule), and ask again."


class LimitExists(Conflict):
    """The role is limited in this currency already."""

    code, title = "limit_exists", "The role is limited in this currency already"
    cause = "A role has one limit in each currency."
    cure = "Change the limit that there is."


class AboveLimit(Forbidden):
    """It is more than the caller's roles approve."""

    code, title = "above_limit", "It is more than you may approve"
    cause = "The organization limits what the role approves, in money or in time; detail tells by how much."
    cure = "Have somebody decide whose role is not limited so, such as a PMO director."


class BaselineDecided(Conflict):
    """What became of the baseline is decided already."""

    code, title = "baseline_decided", "The baseline is decided already"
    cause = "Only a baseline that is requested can be approved, rejected or withdrawn."
    cure = "Request another baseline."


class BaselineNameTaken(Conflict):
    """Another baseline of the project has this name."""

    code, title = "baseline_name_taken", "Another baseline of the project has this name"
    cause = "Baselines of a project are told apart by their names; only those rejected or withdrawn leave theirs free."
    cure = "Choose another name, or withdraw the request that has it."


class IntakeNotSubmitted(Conflict):
    """The request is a draft."""

    code, title = "intake_not_submitted", "The request is not submitted"
    cause = "It is a draft, and drafts are neither assessed nor decided."
    cure = "Submit it first."


class IntakeSubmitted(Conflict):
    """The request waits for a decision."""

    code, title = "intake_submitted", "The request is submitted already"
    cause = "It waits for a decision, and need not be submitted again."
    cure = "Wait for the decision, or withdraw it."


class IntakeDecided(Conflict):
    """What became of the request is decided already."""

    code, title = "intake_decided", "The request is decided already"
    cause = "It was approved, rejected, deferred or withdrawn; detail says which."
    cure = "Make a new request; one that is deferred can be submitted again, approved, rejected or withdrawn."


class NotAssessed(Conflict):
    """Nobody has scored the request as it is."""

    code, title = "not_assessed", "Nobody has scored the request as it is"
    cause = (
        "The organization has criteria, and a request is approved after it was assessed by some of them; what was said"
        " before the request was changed does not count."
    )
    cure = "Have it assessed first; it can be rejected or deferred without."


class AssessmentExists(Conflict):
    """The caller has assessed the request already."""

    code, title = "assessment_exists", "You have assessed this request already"
    cause = "Each assessor assesses a request once."
    cure = "Change the assessment that there is."


class OwnRequest(Forbidden):
    """Who asks neither assesses nor decides."""

    code, title = "own_request", "Who asked for it cannot decide it"
    cause = "Somebody else than who asked for it has to assess it, and to approve or reject it."
    cure = "Have somebody else with the right decide."


class NotOwnRequest(Forbidden):
    """Nobody withdraws what another asked for."""

    code, title = "not_own_request", "Only who asked for it can withdraw it"
    cause = "What somebody else asked for can be decided, but not withdrawn."
    cure = "Reject it, or have who asked for it withdraw it."


class FormatNotAvailable(ValidationFailed):
    """The format can be read only where a converter is installed."""

    code, title = "format_not_available", "The format cannot be read on this installation"
    cause = "Reading it takes Java and the extra `mpxj`, and one of them is not installed here."
    cure = "Save the plan as Microsoft Project XML and import that, or have Java and `pmo-backend[mpxj]` installed."


class PlanFileUnreadable(ValidationFailed):
    """The file is not a plan that can be read."""

    code, title = "plan_file_unreadable", "The file cannot be read as a plan"
    cause = "It is not of the format named, broken, cut off, or uses what is forbidden (document types, deep nesting)."
    cure = "Save the plan anew in the format named; errors[] says where it breaks."


class ReferenceInvalid(ValidationFailed):
    """Something that the input refers to does not exist here."""

    code, title = "reference_invalid", "Something referred to does not exist here"
    cause = "An id in the body names nothing of this project or organization."
    cure = "Use ids of the same project and organization."


class CurrencyMismatch(ValidationFailed):
    """The money is not in the project's currency."""

    code, title = "currency_mismatch", "The money is not in the project's currency"
    cause = "All money of a project is in one currency."
    cure = "Send the amount in the project's currency."
