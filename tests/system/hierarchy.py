"""What projects hang in: one of each in an organization, and the operations that write them."""

import uuid
from typing import Final

from tests.system.instance import MERGE_PATCH, Caller
from tests.system.writes import Write

NOTHING: Final = str(uuid.UUID(int=1))


def _patch(name: str, path: str, body: dict[str, object]) -> Write:
    return Write(name, "PATCH", path, body, MERGE_PATCH)


OF_HIERARCHY: Final = (
    _patch("update_customer", "/v1/customers/{id}", {"name": "Other"}),
    _patch("update_portfolio", "/v1/portfolios/{id}", {"name": "Other"}),
    _patch("update_programme", "/v1/programmes/{id}", {"name": "Other"}),
    _patch("update_custom_field", "/v1/custom-fields/{id}", {"name": "Other"}),
    _patch("update_portfolio_item", "/v1/portfolios/{id}/items/{id}", {"weight": 2}),
    _patch("update_organization_calendar", "/v1/calendars/{id}", {"name": "Other"}),
    _patch("update_approval_limit", "/v1/approval-limits/{id}", {"delay_minutes": 60}),
    _patch("update_intake_request", "/v1/intake-requests/{id}", {"title": "Other"}),
    _patch("update_intake_criterion", "/v1/intake-criteria/{id}", {"weight": 2}),
    _patch("update_intake_assessment", "/v1/intake-requests/{id}/assessments/{id}", {"note": "Other"}),
    Write("create_intake_assessment", "POST", "/v1/intake-requests/{id}/assessments", {}),
    Write("withdraw_intake_request", "POST", "/v1/intake-requests/{id}/withdrawal", {"reason": "New"}),
    Write(
        "decide_intake_request", "POST", "/v1/intake-requests/{id}/decisions", {"decision": "rejected", "reason": "x"}
    ),
    Write("transition_programme", "POST", "/v1/programmes/{id}/transitions", {"to": "proposed"}),
    Write("create_portfolio_item", "POST", "/v1/portfolios/{id}/items", {"project_id": NOTHING}),
)
"""Writes of what is named in their path."""


def one_of_each(caller: Caller, project: str, name: str) -> dict[str, str]:
    """Make one of each; returns ids by the names of path parameters."""

    def made(path: str, **body: object) -> str:
        response = caller("POST", path, json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    customer = made("/v1/customers", name=name)
    request = made("/v1/intake-requests", title=name, requester=f"{name} asks")
    submitted = caller("POST", f"/v1/intake-requests/{request}/submission", headers={"if-match": '"1"'})
    assert submitted.status_code == 200, submitted.text
    portfolio = made("/v1/portfolios", name=name, customer_id=customer)
    return {
        "organization_calendar_id": made(
            "/v1/calendars", name=name, week={"monday": [{"start": "08:00", "finish": "12:00"}]}
        ),
        "limit_id": made("/v1/approval-limits", role="executive", cost={"amount": "9.00", "currency": "XCD"}),
        "request_id": request,
        "criterion_id": made("/v1/intake-criteria", name=name),
        "intake_assessment_id": made(f"/v1/intake-requests/{request}/assessments", note=name),
        "customer_id": customer,
        "portfolio_id": portfolio,
        "programme_id": made("/v1/programmes", name=name, portfolio_id=portfolio),
        "item_id": made(f"/v1/portfolios/{portfolio}/items", project_id=project),
        "field_id": made("/v1/custom-fields", entity="project", key="secret", name=name, type="text"),
    }
