"""Rows 75 to 90, 98 and 100: credentials that are none, and ways around them."""

import base64
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.gateway.proxy.api_keys import checksum
from services.gateway.proxy.authentication import REMEMBER_KEY, REMEMBER_TOKEN
from services.local.keys import AUDIENCE, ISSUER
from shared.auth import InternalTokenMinter, Principal
from tests.system.instance import DIRECTOR, Caller, System, refused

pytestmark = pytest.mark.usefixtures("unfailing")

ME = "/v1/me"
LIST = "/v1/projects"


@dataclass(frozen=True, slots=True)
class Forge:
    """Makes tokens as the local issuer does, with something changed."""

    key: bytes
    kid: str
    public: Mapping[str, str]

    @classmethod
    def of(cls, system: System) -> "Forge":
        """Take the issuer's own key."""
        jwk = json.loads(system.keys.jwks.read_text())["keys"][0]
        return cls((system.data / "keys/issuer.pem").read_bytes(), jwk["kid"], jwk)

    def claims(self, **changed: object) -> dict[str, Any]:
        """Claims that are accepted but for what is changed; None leaves one out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "forger",
            "iat": now,
            "exp": now + 600,
            "organization": str(uuid.uuid4()),
            "roles": [DIRECTOR],
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, claims: Mapping[str, Any] | None = None, **headers: object) -> str:
        """A token signed with the issuer's key."""
        given = {"typ": "at+jwt", "kid": self.kid, **headers}
        return jwt.encode(dict(self.claims() if claims is None else claims), self.key, algorithm="ES256", headers=given)

    def raw(self, header: bytes, payload: bytes) -> str:
        """A token with these bytes, signed with the issuer's key."""
        head, body = base64url(header), base64url(payload)
        key = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        private = key.prepare_key(self.key)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        signature = key.sign(head + b"." + body, private)
        return b".".join((head, body, base64url(signature))).decode()


def base64url(data: bytes) -> bytes:
    """Base64 as JWTs have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture(scope="module")
def forge(system: System) -> Forge:
    """The forge."""
    return Forge.of(system)


def test_the_forge_makes_tokens_that_are_accepted_when_nothing_is_changed(system: System, forge: Forge) -> None:
    assert system.with_(forge.token())("GET", ME).status_code == 200
    header = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": forge.kid}).encode()
    assert system.with_(forge.raw(header, json.dumps(forge.claims()).encode()))("GET", ME).status_code == 200


@pytest.mark.parametrize("value", ["", "Basic dXNlcjpwdw==", "Bearer", "bearer", "Token x", "Bearer a b", "Bearer ."])
def test_row_75_without_a_credential_nobody_calls(system: System, value: str) -> None:
    headers = {"authorization": value} if value else {}
    response = system.client.get(LIST, headers=headers)
    refused(response, 401, ("unauthenticated", "token_invalid"), "dXNlcjpwdw")
    assert response.headers["www-authenticate"].startswith("Bearer")


def claimed(**changed: object) -> Mapping[str, object]:
    """What to change."""
    return changed


NOW = int(time.time())
CLAIMS = {
    "row_79_expired": claimed(iat=NOW - 7200, exp=NOW - 3700),
    "row_79_not_yet": claimed(nbf=NOW + 1000),
    "row_79_issued_in_the_future": claimed(iat=NOW + 1000, exp=NOW + 1500),
    "row_79_without_exp": claimed(exp=None),
    "row_79_without_iat": claimed(iat=None),
    "row_80_exp_as_text": claimed(exp=str(NOW + 600)),
    "row_80_exp_fraction": claimed(exp=NOW + 600.5),
    "row_80_exp_boolean": claimed(exp=True),
    "row_80_exp_in_the_far_future": claimed(exp=10**30),
    "row_80_exp_negative": claimed(exp=-1),
    "row_80_lifetime_of_a_day": claimed(exp=NOW + 86_400),
    "row_80_nbf_as_text": claimed(nbf="now"),
    "row_81_other_audience": claimed(aud="other"),
    "row_81_audience_of_a_service": claimed(aud="projects"),
    "row_81_audience_with_extras": claimed(aud=[AUDIENCE, "other"]),
    "row_81_audience_empty": claimed(aud=[]),
    "row_81_without_audience": claimed(aud=None),
    "row_81_other_issuer": claimed(iss="https://evil.example"),
    "row_81_issuer_with_slash": claimed(iss=ISSUER + "/"),
    "row_81_issuer_of_internal_tokens": claimed(iss="pmo-gateway", aud="gateway"),
    "row_81_without_issuer": claimed(iss=None),
    "row_82_sub_as_list": claimed(sub=["a", "b"]),
    "row_82_sub_empty": claimed(sub=""),
    "row_82_sub_with_line_break": claimed(sub="a\r\nx: y"),
    "row_82_sub_of_10_kb": claimed(sub="s" * 4_000),
    "row_82_without_sub": claimed(sub=None),
    "row_90_organization_of_nobody": claimed(organization=None),
    "row_90_organization_not_a_uuid": claimed(organization="' or true"),
    "row_90_organization_as_list": claimed(organization=[str(uuid.UUID(int=1))]),
    "row_95_roles_as_text": claimed(roles=DIRECTOR),
    "row_95_roles_as_objects": claimed(roles=[{"name": DIRECTOR}]),
    "row_95_roles_as_object": claimed(roles={DIRECTOR: True}),
    "row_95_roles_null": claimed(roles=[None]),
}


@pytest.mark.parametrize("changed", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_token_with_wrong_claims_is_refused(system: System, forge: Forge, changed: Mapping[str, object]) -> None:
    response = system.with_(forge.token(forge.claims(**changed)))("GET", ME)
    refused(response, 401, "token_invalid", "evil.example", "forger")
    assert response.headers["www-authenticate"].startswith("Bearer")


def forged(system: System, forge: Forge) -> dict[str, str]:
    """Tokens whose header or signature is wrong."""
    claims, now = forge.claims(), {"typ": "at+jwt", "kid": forge.kid}
    stranger = ec.generate_private_key(ec.SECP256R1())
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwks = system.keys.jwks.read_bytes()
    good = forge.token()
    head, body, signature = good.split(".")
    flat = base64url(json.dumps({"alg": "none", **now}).encode()).decode()

    def by_hmac(secret: bytes) -> str:
        signed = base64url(json.dumps({"alg": "HS256", **now}).encode()) + b"." + base64url(json.dumps(claims).encode())
        return (signed + b"." + base64url(hmac.digest(secret, signed, "sha256"))).decode()

    return {
        "row_76_alg_none": f"{flat}.{body}.",
        "row_76_alg_none_with_a_signature": f"{flat}.{body}.{signature}",
        "row_76_hmac_with_the_public_key": by_hmac(jwks),
        "row_76_hmac_with_the_key_file": by_hmac(forge.key),
        "row_76_hmac_with_nothing": by_hmac(b""),
        "row_76_without_signature": f"{head}.{body}.",
        "row_76_signature_of_zeros": f"{head}.{body}.{base64url(bytes(64)).decode()}",
        "row_76_other_payload": f"{head}.{base64url(json.dumps(claims).encode()).decode()}.{signature}",
        "row_76_key_of_a_stranger": jwt.encode(claims, stranger, algorithm="ES256", headers=now),
        "row_76_other_kind_of_key": jwt.encode(claims, rsa_key, algorithm="RS256", headers=now),
        "row_77_kid_path": forge.token(claims, kid="../../../../dev/null"),
        "row_77_kid_sql": forge.token(claims, kid="' union select 'secret"),
        "row_77_kid_number": forge.raw(
            json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": 1}).encode(), json.dumps(claims).encode()
        ),
        "row_77_kid_of_4_kb": forge.token(claims, kid="k" * 4_000),
        "row_77_jku": jwt.encode(
            claims, stranger, algorithm="ES256", headers={**now, "jku": f"{system.base_url}/openapi.json"}
        ),
        "row_77_jwk": jwt.encode(
            claims,
            stranger,
            algorithm="ES256",
            headers={**now, "jwk": json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key()))},
        ),
        "row_77_x5u": jwt.encode(claims, stranger, algorithm="ES256", headers={**now, "x5u": "https://evil.example"}),
        "row_78_unknown_kid": forge.token(claims, kid="unknown"),
        "row_82_claim_twice": forge.raw(
            json.dumps({"alg": "ES256", **now}).encode(), json.dumps(claims)[:-1].encode() + b',"sub":"admin"}'
        ),
        "row_82_header_twice": forge.raw(
            json.dumps({"alg": "none", **now})[:-1].encode() + b',"alg":"ES256"}', json.dumps(claims).encode()
        ),
        "row_83_id_token": forge.token(claims, typ="JWT"),
        "row_83_typ_missing": forge.raw(
            json.dumps({"alg": "ES256", "kid": forge.kid}).encode(), json.dumps(claims).encode()
        ),
        "row_83_typ_refresh": forge.token(claims, typ="rt+jwt"),
        "row_84_nested": forge.raw(json.dumps({"alg": "ES256", **now}).encode(), b"[" * 3000 + b"]" * 3000),
        "row_84_nan": forge.raw(json.dumps({"alg": "ES256", **now}).encode(), b'{"exp":NaN}'),
        "row_84_not_json": forge.raw(json.dumps({"alg": "ES256", **now}).encode(), b"\xff\xfe"),
        "row_84_not_an_object": forge.raw(json.dumps({"alg": "ES256", **now}).encode(), b"[1]"),
        "row_84_10_kb": forge.token({**claims, "filler": "f" * 10_000}),
        "row_85_crit": forge.token(claims, crit=["exp"], exp=1),
        "row_85_crit_unknown": forge.token(claims, crit=["kanarienvogel"], kanarienvogel=1),
        "row_85_b64": forge.raw(json.dumps({"alg": "ES256", "b64": True, **now}).encode(), json.dumps(claims).encode()),
        "row_76_five_parts": good + ".a.b",
        "row_76_two_parts": f"{head}.{body}",
        "row_76_not_base64": f"{head}.{body}!.{signature}",
        "row_76_padded": f"{head}==.{body}.{signature}",
        "row_76_only_dots": "..",
        "row_76_internal_token": internal_token(system, "projects"),
        "row_76_internal_token_for_the_gateway": internal_token(system, "gateway"),
        "row_87_key_with_wrong_checksum": "pmo_" + "a" * 16 + "_" + "b" * 43 + "_000000",
        "row_87_key_unknown": key_of_nobody(),
    }


def internal_token(system: System, audience: str) -> str:
    """A token as the gateway gives to a service."""
    minter = InternalTokenMinter.from_pem(system.keys.internal_private.read_bytes())
    return minter.mint(Principal(uuid.uuid4(), "forger", frozenset({DIRECTOR})), audience)


def key_of_nobody() -> str:
    """An API key in full form that was never given."""
    stem = f"pmo_{'a' * 16}_{'b' * 43}"
    return f"{stem}_{checksum(stem)}"


FORGED = (
    "row_76_alg_none",
    "row_76_alg_none_with_a_signature",
    "row_76_hmac_with_the_public_key",
    "row_76_hmac_with_the_key_file",
    "row_76_hmac_with_nothing",
    "row_76_without_signature",
    "row_76_signature_of_zeros",
    "row_76_other_payload",
    "row_76_key_of_a_stranger",
    "row_76_other_kind_of_key",
    "row_77_kid_path",
    "row_77_kid_sql",
    "row_77_kid_number",
    "row_77_kid_of_4_kb",
    "row_77_jku",
    "row_77_jwk",
    "row_77_x5u",
    "row_78_unknown_kid",
    "row_82_claim_twice",
    "row_82_header_twice",
    "row_83_id_token",
    "row_83_typ_missing",
    "row_83_typ_refresh",
    "row_84_nested",
    "row_84_nan",
    "row_84_not_json",
    "row_84_not_an_object",
    "row_84_10_kb",
    "row_85_crit",
    "row_85_crit_unknown",
    "row_85_b64",
    "row_76_five_parts",
    "row_76_two_parts",
    "row_76_not_base64",
    "row_76_padded",
    "row_76_only_dots",
    "row_76_internal_token",
    "row_76_internal_token_for_the_gateway",
    "row_87_key_with_wrong_checksum",
    "row_87_key_unknown",
)


@pytest.fixture(scope="module")
def forgeries(system: System, forge: Forge) -> Mapping[str, str]:
    """All of them."""
    made = forged(system, forge)
    assert made.keys() == set(FORGED)
    return made


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(system: System, forgeries: Mapping[str, str], name: str) -> None:
    response = system.with_(forgeries[name])("GET", ME)
    refused(response, 401, ("token_invalid", "unauthenticated"), "evil.example", "forger", "kanarienvogel")


def test_row_78_a_flood_of_unknown_keys_is_refused_quickly(system: System, forge: Forge) -> None:
    began = time.monotonic()
    for number in range(50):
        refused(system.with_(forge.token(kid=f"unknown-{number}"))("GET", ME), 401, "token_invalid")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("size", [40_000, 1_048_576])
def test_row_84_a_huge_token_is_refused(system: System, size: int) -> None:
    head = system.head_of("GET", ME, "a." + "b" * size + ".c")
    refused(system.send(head), 431, "headers_too_large")


def test_row_84_a_large_token_is_refused_unread(system: System) -> None:
    refused(system.with_("a." + "b" * 20_000 + ".c")("GET", ME), 401, ("token_invalid", "unauthenticated"))


def test_row_86_two_credentials_are_refused(system: System, director: Caller) -> None:
    head = system.head_of("GET", ME, director.token)
    twice = head[:-2] + f"authorization: Bearer {director.token}\r\n\r\n".encode()
    refused(system.send(twice), 400, "bad_request")
    refused(director("GET", ME, headers={"x-api-key": "pmo_x"}), 400, "bad_request", "pmo_x")


def test_row_87_a_revoked_or_expired_key_is_refused(system: System, director: Caller) -> None:
    made = director("POST", "/v1/api-clients", json={"name": "Revoked", "scopes": ["read"]})
    assert made.status_code == 201
    holder = system.with_(made.json()["key"])
    assert holder("GET", LIST).status_code == 200
    bent = made.json()["key"]
    bent = bent[:30] + ("A" if bent[30] != "A" else "B") + bent[31:]
    refused(system.with_(bent)("GET", LIST), 401, "unauthenticated", bent)
    gone = director("DELETE", made.headers["location"], headers={"if-match": made.headers["etag"]})
    assert gone.status_code == 204
    refused(holder("GET", LIST), 401, "unauthenticated")
    body = {"name": "Old", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}
    refused(director("POST", "/v1/api-clients", json=body), 422, "expiry_passed")


def test_row_87_a_key_opens_its_own_organization_only(system: System) -> None:
    own, other = (system.as_(uuid.uuid4(), DIRECTOR) for _ in range(2))
    for caller, name in ((own, "Own"), (other, "Other")):
        assert caller("POST", LIST, json={"name": name}).status_code == 201
    key = own("POST", "/v1/api-clients", json={"name": "Key", "scopes": ["read"]}).json()["key"]
    holder = system.with_(key)
    assert [item["name"] for item in holder("GET", LIST).json()["items"]] == ["Own"]
    named = {"pmo-organization": other("GET", ME).json()["organization_id"]}
    refused(holder("GET", LIST, headers=named), 403, "forbidden")


def test_row_97_a_revoked_key_is_refused_at_once_here_and_within_a_minute_elsewhere(system: System) -> None:
    assert REMEMBER_KEY <= 60
    assert REMEMBER_TOKEN <= 60
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    made = caller("POST", "/v1/api-clients", json={"name": "Gone", "scopes": ["read"]})
    holder = system.with_(made.json()["key"])
    assert holder("GET", LIST).status_code == 200
    gone = caller("DELETE", made.headers["location"], headers={"if-match": made.headers["etag"]})
    assert gone.status_code == 204
    refused(holder("GET", LIST), 401, "unauthenticated")


@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "authorization", "key"])
def test_row_89_a_token_in_the_url_is_no_credential_and_is_not_logged(
    system: System, director: Caller, name: str
) -> None:
    refused(system.client.get(LIST, params={name: director.token}), 401, "unauthenticated")
    assert director.token is not None
    for log in (system.data / "logs").glob("*.log"):
        assert director.token not in log.read_text(), log.name


def test_row_90_a_header_that_names_another_organization_is_refused(system: System, director: Caller) -> None:
    own = director("GET", ME).json()["organization_id"]
    assert director("GET", LIST, headers={"pmo-organization": own}).status_code == 200
    for other in (str(uuid.uuid4()), "", "*", "null"):
        refused(director("GET", LIST, headers={"pmo-organization": other}), 403, "forbidden")


SPOOFED = (
    "x-tenant",
    "x_tenant",
    "x-user",
    "x-organization",
    "x-organization-id",
    "x-forwarded-user",
    "x-internal-token",
    "pmo-subject",
    "pmo-roles",
    "pmo-actor",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
)


def test_row_98_headers_that_claim_an_identity_change_nothing(system: System) -> None:
    victim, attacker = (system.as_(uuid.uuid4(), DIRECTOR, subject=name) for name in ("victim", "attacker"))
    assert victim("POST", LIST, json={"name": "Secret"}).status_code == 201
    organization = victim("GET", ME).json()["organization_id"]
    plain = attacker("GET", ME).json()
    for header in SPOOFED:
        for value in (organization, "/v1/api-clients", "victim", "pmo_director"):
            headers = {header: value, "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.example"}
            assert attacker("GET", ME, headers=headers).json() == plain
            assert attacker("GET", LIST, headers=headers).json()["items"] == []


@pytest.mark.parametrize("service", ["projects", "resources", "kpi"])
def test_row_100_past_the_gateway_only_its_own_tokens_count(system: System, service: str) -> None:
    path = {"projects": LIST, "resources": "/v1/resources", "kpi": "/v1/projects/PRJ-1/kpis"}[service]
    other = "kpi" if service == "projects" else "projects"
    director = system.as_(uuid.uuid4(), DIRECTOR)
    with httpx2.Client(base_url=f"http://127.0.0.1:{system.port_of(service)}", trust_env=False) as direct:
        for token in (None, director.token, internal_token(system, other), internal_token(system, "gateway"), "x"):
            headers = {} if token is None else {"authorization": f"Bearer {token}"}
            refused(direct.get(path, headers=headers), 401, ("unauthenticated", "token_invalid"))
        own = {"authorization": f"Bearer {internal_token(system, service)}"}
        assert direct.get(path, headers=own).status_code in {200, 404}
