"""Who am I."""

from uuid import UUID

from shared.permissions import GRANTS, Role

from .conftest import Gateway


async def test_everyone_learns_who_they_are_and_what_they_may_do(gateway: Gateway, organization: UUID) -> None:
    for role in Role:
        me = (await gateway.as_(organization, role, subject="somebody").get("/v1/me")).json()
        assert me["organization_id"] == str(organization)
        assert (me["subject"], me["roles"], me["scopes"]) == ("somebody", [role], [])
        assert {grant["permission"]: grant["reach"] for grant in me["permissions"]} == dict(GRANTS[role])


async def test_without_a_credential_nobody_is_anyone(gateway: Gateway) -> None:
    answer = await gateway.client().get("/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_unknown_parameters_are_refused(gateway: Gateway, organization: UUID) -> None:
    answer = await gateway.as_(organization, "executive").get("/v1/me?else=1")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
