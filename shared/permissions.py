"""Who may do what: one table role × permission, default deny. Made from the roles of PMO practice."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Permission(StrEnum):
    """What an operation needs; every route declares exactly one."""

    SELF_READ = "self.read"
    PROJECT_READ = "project.read"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_DELETE = "project.delete"
    PROJECT_APPROVE = "project.approve"
    PROJECT_OVERRIDE = "project.override"
    INTAKE_READ = "intake.read"
    INTAKE_SUBMIT = "intake.submit"
    INTAKE_ASSESS = "intake.assess"
    INTAKE_DECIDE = "intake.decide"
    INTAKE_MANAGE = "intake.manage"
    HIERARCHY_READ = "hierarchy.read"
    CUSTOMER_MANAGE = "customer.manage"
    PORTFOLIO_MANAGE = "portfolio.manage"
    PROGRAMME_UPDATE = "programme.update"
    PROGRAMME_DELETE = "programme.delete"
    CUSTOM_FIELD_READ = "custom_field.read"
    CUSTOM_FIELD_MANAGE = "custom_field.manage"
    CALENDAR_READ = "calendar.read"
    CALENDAR_MANAGE = "calendar.manage"
    PLAN_READ = "plan.read"
    PLAN_UPDATE = "plan.update"
    PLAN_IMPORT = "plan.import"
    PLAN_ASSESS = "plan.assess"
    BASELINE_REQUEST = "baseline.request"
    BASELINE_APPROVE = "baseline.approve"
    POLICY_READ = "policy.read"
    POLICY_MANAGE = "policy.manage"
    HISTORY_READ = "history.read"
    OPERATION_READ = "operation.read"
    RESOURCE_READ = "resource.read"
    RATE_READ = "rate.read"
    KPI_READ = "kpi.read"
    EVENT_INGEST = "event.ingest"
    EVENT_READ = "event.read"
    API_CLIENT_MANAGE = "api_client.manage"
    STREAM_READ = "stream.read"
    DEAD_LETTER_MANAGE = "dead_letter.manage"


class Reach(StrEnum):
    """How far a permission goes."""

    ALL = "all"  # everything of the organization
    OWN = "own"  # projects that the caller owns, and what hangs on them


class Role(StrEnum):
    """The roles of a Project Management Office."""

    PMO_DIRECTOR = "pmo_director"
    PMO_MANAGER = "pmo_manager"
    PMO_ANALYST = "pmo_analyst"
    PROJECT_MANAGER = "project_manager"
    EXECUTIVE = "executive"
    TEAM_MEMBER = "team_member"


_READ: Final = (
    Permission.SELF_READ,
    Permission.PROJECT_READ,
    Permission.INTAKE_READ,
    Permission.HIERARCHY_READ,
    Permission.CUSTOM_FIELD_READ,
    Permission.CALENDAR_READ,
    Permission.PLAN_READ,
    Permission.POLICY_READ,
    Permission.OPERATION_READ,
    Permission.RESOURCE_READ,
    Permission.KPI_READ,
)
_PLANNING: Final = (
    Permission.PROJECT_CREATE,
    Permission.PROJECT_UPDATE,
    Permission.PROJECT_DELETE,
    Permission.PROGRAMME_UPDATE,
    Permission.PLAN_UPDATE,
    Permission.PLAN_IMPORT,
    Permission.PLAN_ASSESS,
    Permission.BASELINE_REQUEST,
)


_DIRECTORS: Final = frozenset({Permission.PROJECT_OVERRIDE, Permission.POLICY_MANAGE})
"""What only PMO directors may: nobody sets the limits of their own approvals."""


def _all(*permissions: Permission) -> Mapping[Permission, Reach]:
    return MappingProxyType(dict.fromkeys(permissions, Reach.ALL))


def _own(*permissions: Permission) -> Mapping[Permission, Reach]:
    return MappingProxyType(dict.fromkeys(permissions, Reach.OWN))


GRANTS: Final[Mapping[str, Mapping[Permission, Reach]]] = MappingProxyType(
    {
        Role.PMO_DIRECTOR: _all(*Permission),
        Role.PMO_MANAGER: _all(*(one for one in Permission if one not in _DIRECTORS)),
        Role.PMO_ANALYST: _all(
            *_READ,
            Permission.INTAKE_SUBMIT,
            Permission.INTAKE_ASSESS,
            Permission.PLAN_ASSESS,
            Permission.HISTORY_READ,
            Permission.EVENT_READ,
            Permission.STREAM_READ,
        ),
        Role.PROJECT_MANAGER: _own(
            *_READ, *_PLANNING, Permission.INTAKE_SUBMIT, Permission.HISTORY_READ, Permission.EVENT_READ
        ),
        Role.EXECUTIVE: _all(*_READ, Permission.STREAM_READ, Permission.INTAKE_SUBMIT, Permission.BASELINE_APPROVE),
        Role.TEAM_MEMBER: _own(
            Permission.SELF_READ,
            Permission.PROJECT_READ,
            Permission.INTAKE_READ,
            Permission.INTAKE_SUBMIT,
            Permission.CUSTOM_FIELD_READ,
            Permission.PLAN_READ,
            Permission.OPERATION_READ,
        ),
    }
)
"""What each role grants. Executives see all projects until portfolios can be granted one by one."""

SCOPES: Final[Mapping[str, Mapping[Permission, Reach]]] = MappingProxyType(
    {
        "ingest": _all(Permission.SELF_READ, Permission.EVENT_INGEST, Permission.EVENT_READ),
        "subscribe": _all(Permission.SELF_READ, Permission.STREAM_READ),
        "read": _all(*_READ),
    }
)
"""What an API key's scope grants; keys never carry roles, so a machine never approves anything."""


def reach(roles: frozenset[str], scopes: frozenset[str], permission: Permission) -> Reach | None:
    """Return how far the caller's roles and scopes together grant a permission; None: not at all."""
    granted = {
        grants[permission]
        for table, names in ((GRANTS, roles), (SCOPES, scopes))
        for name in names
        if (grants := table.get(name)) is not None and permission in grants
    }
    if Reach.ALL in granted:
        return Reach.ALL
    return Reach.OWN if granted else None
