"""Whatever the document allows and what it forbids: no answer fails, and every answer is one that it describes."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi import checks

import shared
from services.local.demo import EXAMPLE_PLAN
from tests.system.instance import DIRECTOR, System
from tests.system.ways import Everything

pytestmark = pytest.mark.usefixtures("unfailing")

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
EXAMPLES = 25
ENDLESS = "/v1/stream"

document = schemathesis.openapi.from_path(
    Path(shared.__file__).parent / "contracts/openapi.json",
    config=SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(
                    modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
                    max_examples=EXAMPLES,
                    deterministic=True,
                    no_shrink=True,
                    database="none",
                    with_security_parameters=False,
                )
            )
        )
    ),
)


AnyCase = Case[Any]


@pytest.fixture(scope="module")
def everything(system: System) -> Everything:
    """An organization with one of everything."""
    return Everything.make(system.as_(uuid.uuid4(), DIRECTOR, subject="fuzzer"), EXAMPLE_PLAN)


@pytest.fixture(scope="module")
def session() -> requests.Session:
    """One connection for all."""
    session = requests.Session()
    session.trust_env = False
    return session


@document.exclude(path=ENDLESS).parametrize()
def test_an_operation_answers_as_documented(
    case: AnyCase, system: System, everything: Everything, session: requests.Session
) -> None:
    case.headers.pop("PMO-Wait-For", None)  # a position that never comes is waited for: five seconds each
    if hash_of(case) % 2:
        case.path_parameters.update(everything.named(case.path_parameters))
    case.call_and_validate(
        base_url=system.base_url, session=session, headers=everything.caller.authorization, checks=CHECKS, timeout=30
    )


def hash_of(case: AnyCase) -> int:
    """A number that is the same in every run."""
    return len(repr(case.path_parameters)) + len(repr(case.query)) + len(repr(case.body))
