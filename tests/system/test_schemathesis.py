"""Whatever the document allows and what it forbids: no answer fails, and every answer is one that it describes."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.config._checks import MissingRequiredHeaderConfig, NegativeDataRejectionConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

import shared
from services.local.demo import EXAMPLE_PLAN
from tests.system.instance import DIRECTOR, System
from tests.system.ways import Everything

pytestmark = pytest.mark.usefixtures("unfailing")

AnyCase = Case[Any]

CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
UNREAD: Final = [check for check in CHECKS if check not in {checks.unsupported_method, checks.allow_header_conformance}]
DEEPER: Final = os.environ.get("PMO_FUZZ_EXAMPLES")
"""How many examples of each operation, for a longer search of other examples in every run."""

EXAMPLES: Final = int(DEEPER or 40)
ENDLESS: Final = "/v1/stream"
UNTRIED: Final = {"PMO-Wait-For", "If-None-Match"}
"""A position that never comes is waited for; an ETag that no one gave is ignored, whatever it looks like."""

REFUSED: Final = ["400", "404", "409", "412", "413", "414", "415", "422", "428"]


def tried(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the parameters that are not tried."""
    parameters = document["components"]["parameters"]
    names = {f"#/components/parameters/{key}" for key, value in parameters.items() if value["name"] in UNTRIED}
    for item in document["paths"].values():
        for operation in item.values():
            given = operation.get("parameters", [])
            operation["parameters"] = [one for one in given if one.get("$ref") not in names]
    return document


document = schemathesis.openapi.from_dict(
    tried(json.loads((Path(shared.__file__).parent / "contracts/openapi.json").read_bytes())),
    config=SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(
                checks=ChecksConfig(
                    negative_data_rejection=NegativeDataRejectionConfig(expected_statuses=REFUSED),
                    missing_required_header=MissingRequiredHeaderConfig(expected_statuses=REFUSED),
                ),
                generation=GenerationConfig(
                    modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
                    max_examples=EXAMPLES,
                    deterministic=DEEPER is None,
                    no_shrink=True,
                    database="none",
                    with_security_parameters=False,
                ),
            )
        )
    ),
)


@pytest.fixture(scope="module")
def everything(system: System) -> Everything:
    """An organization with one of everything."""
    organization = uuid.uuid4()
    fuzzer, approver = (system.as_(organization, DIRECTOR, subject=subject) for subject in ("fuzzer", "approver"))
    return Everything.make(fuzzer, approver, EXAMPLE_PLAN)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One connection for all."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@document.exclude(path=ENDLESS).parametrize()
def test_an_operation_answers_as_documented(
    case: AnyCase, system: System, everything: Everything, session: requests.Session
) -> None:
    if not is_negative(case, ParameterLocation.PATH) and size_of(case) % 2:
        case.path_parameters.update(everything.named(case.path_parameters))
    response = case.call(base_url=system.base_url, session=session, headers=everything.caller.authorization, timeout=30)
    # What is too long is refused before anybody looks at its method or what is in it.
    wanted = UNREAD if response.status_code in {414, 431} else CHECKS
    case.validate_response(response, checks=wanted, headers=everything.caller.authorization)


def is_negative(case: AnyCase, place: ParameterLocation) -> bool:
    """Whether something in this part of the request is against the document."""
    component = case.meta.components.get(place) if case.meta else None
    return component is not None and component.mode is GenerationMode.NEGATIVE


def size_of(case: AnyCase) -> int:
    """A number that is the same in every run."""
    return len(repr(case.path_parameters)) + len(repr(case.query)) + len(repr(case.body))
