"""Access tokens: the one good kind passes, everything near it does not."""

import base64
import json
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from services.gateway.proxy.keys import KeySet, SigningKey
from services.gateway.proxy.tokens import TokenVerifier
from shared.errors import TokenInvalid

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.example", "pmo"
ORGANIZATION = "0190c0de-0000-7000-8000-0000000000aa"

ED = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = Ed25519PrivateKey.generate()
JWKS = {
    "keys": [
        {**OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True), "kid": "ed", "use": "sig"},
        {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa"},
        {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rs256-only", "alg": "RS256"},
        {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {**OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True), "kid": "for-encryption", "use": "enc"},
    ]
}


class Source:
    """The keys above; says how often it was asked."""

    def __init__(self, text: bytes) -> None:
        self.keys = KeySet.parse(text)
        self.asked: list[str | None] = []

    async def find(self, kid: str | None) -> SigningKey | None:
        """Return a key."""
        self.asked.append(kid)
        return self.keys.find(kid)


VERIFIER = TokenVerifier(ISSUER, AUDIENCE, Source(json.dumps(JWKS).encode()), lambda: NOW)

GOOD: dict[str, object] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "user-1",
    "iat": NOW - 10,
    "exp": NOW + 600,
    "organization": ORGANIZATION,
    "roles": ["pmo_director", "someone_elses_role"],
    "name": "Ada",
}
HEADER: dict[str, object] = {"typ": "at+jwt", "kid": "ed"}


def part(value: object) -> bytes:
    """A JWS part."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def signed(payload: object, header: dict[str, object] | bytes) -> str:
    """A token over any bytes, truly signed with the Ed25519 key."""
    data = part(header) + b"." + part(payload)
    return (data + b"." + part(ED.sign(data))).decode()


def token(claims: dict[str, object] | None = None, header: dict[str, object] | None = None) -> str:
    """A token with some claims and header fields otherwise; None removes."""
    body = {name: value for name, value in {**GOOD, **(claims or {})}.items() if value is not None}
    head = {name: value for name, value in {"alg": "EdDSA", **HEADER, **(header or {})}.items() if value is not None}
    return signed(body, head)


async def test_a_good_token_names_the_caller() -> None:
    verified = await VERIFIER.verify(token())
    principal = verified.principal
    assert (principal.organization_id, principal.subject, principal.name) == (UUID(ORGANIZATION), "user-1", "Ada")
    assert principal.roles == {"pmo_director"}
    assert principal.scopes == frozenset()
    assert verified.expires == NOW + 630


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE]},
        {"iat": NOW - 100, "exp": NOW - 29},
        {"iat": NOW + 29},
        {"nbf": NOW + 29},
        {"roles": None},
        {"name": None},
        {"iat": NOW, "exp": NOW + 3600},
    ],
)
async def test_what_the_standard_allows_passes(claims: dict[str, object]) -> None:
    await VERIFIER.verify(token(claims))


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("RS256", "rsa"), ("PS256", "rsa"), ("RS256", "rs256-only"), ("ES256", "ec")]
)
async def test_every_listed_algorithm_passes_with_its_kind_of_key(algorithm: str, kid: str) -> None:
    key = EC if algorithm == "ES256" else RSA
    await VERIFIER.verify(jwt.encode(GOOD, key, algorithm=algorithm, headers={"typ": "application/at+jwt", "kid": kid}))


BAD_CLAIMS: dict[str, dict[str, object]] = {
    "expired": {"exp": NOW - 31},
    "not yet": {"nbf": NOW + 31},
    "issued in the future": {"iat": NOW + 31},
    "no exp": {"exp": None},
    "no iat": {"iat": None},
    "exp as text": {"exp": str(NOW + 600)},
    "exp as float": {"exp": NOW + 600.5},
    "exp as true": {"exp": True},
    "exp 10^30": {"exp": 10**30},
    "exp negative": {"exp": -1},
    "nbf as text": {"nbf": "0"},
    "lives longer than an hour": {"iat": NOW, "exp": NOW + 3601},
    "expires before it was issued": {"iat": NOW + 20, "exp": NOW + 10},
    "other issuer": {"iss": ISSUER + "/"},
    "no issuer": {"iss": None},
    "other audience": {"aud": "other"},
    "audience with extras": {"aud": [AUDIENCE, "other"]},
    "audience twice": {"aud": [AUDIENCE, AUDIENCE]},
    "no audience": {"aud": None},
    "no subject": {"sub": None},
    "subject empty": {"sub": ""},
    "subject a number": {"sub": 7},
    "subject with a line break": {"sub": "a\nb"},
    "no organization": {"organization": None},
    "organization not a UUID": {"organization": "acme"},
    "organization odd": {"organization": "{0190c0de-0000-7000-8000-0000000000a}"},
    "organization a list": {"organization": [ORGANIZATION]},
    "roles as text": {"roles": "pmo_director"},
    "roles of numbers": {"roles": [1]},
    "roles of lists": {"roles": [["pmo_director"]]},
    "name a list": {"name": ["x"]},
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
async def test_bad_claims_are_refused(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(token(claims))


BAD_HEADERS: dict[str, dict[str, object]] = {
    "ID token": {"typ": "JWT"},
    "no typ": {"typ": None},
    "alg none": {"alg": "none"},
    "alg HS256": {"alg": "HS256"},
    "alg of another key kind": {"alg": "RS256"},
    "alg a list": {"alg": ["EdDSA"]},
    "no alg": {"alg": None},
    "unknown kid": {"kid": "nobody"},
    "no kid with several keys": {"kid": None},
    "kid path": {"kid": "../../etc/passwd"},
    "kid SQL": {"kid": "' or 1=1 --"},
    "kid long": {"kid": "k" * 65},
    "kid a number": {"kid": 1},
    "kid of an encryption key": {"kid": "for-encryption"},
    "kid of a symmetric key": {"kid": "oct"},
    "unknown crit": {"crit": ["exp"]},
    "empty crit": {"crit": []},
    "unencoded payload": {"b64": False},
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
async def test_bad_headers_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(token(header=header))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
async def test_row_77_keys_that_a_token_brings_along_are_never_used(name: str) -> None:
    own = OKPAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True)
    value = own if name == "jwk" else "https://evil.example/jwks"
    forged = jwt.encode(GOOD, STRANGER, algorithm="EdDSA", headers={**HEADER, name: value})
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(forged)


async def test_the_public_key_is_no_hmac_secret() -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    data = part({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}) + b"." + part(GOOD)
    mac = jwt.get_algorithm_by_name("HS256")
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify((data + b"." + part(mac.sign(data, pem))).decode())


async def test_a_claim_named_twice_is_refused() -> None:
    twice = json.dumps(GOOD)[:-1].encode() + b', "sub": "root"}'
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(signed(twice, {"alg": "EdDSA", **HEADER}))
    header = b'{"alg": "EdDSA", "typ": "at+jwt", "kid": "ed", "kid": "ed"}'
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(signed(GOOD, header))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "..",
        "é.é.é",
        "a" * 9_000,
        token()[:-4],
        token() + "x",
        token().replace(".", "..", 1),
        signed(b"[" * 4_000, {"alg": "EdDSA", **HEADER}),
        signed(b"{}", b"[" * 4_000),
        signed(b"[]", {"alg": "EdDSA", **HEADER}),
        signed(b"\xff\xfe", {"alg": "EdDSA", **HEADER}),
        signed(b'{"exp": NaN}', {"alg": "EdDSA", **HEADER}),
        signed(b'{"exp": ' + b"9" * 5_000 + b"}", {"alg": "EdDSA", **HEADER}),
    ],
)
async def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        await VERIFIER.verify(text)


async def test_a_changed_byte_breaks_the_signature() -> None:
    head, body, signature = token().split(".")
    changed = part({**GOOD, "sub": "root"}).decode()
    for text in (f"{head}.{changed}.{signature}", f"{head}.{body}.{signature[:-8]}AAAAAAAA"):
        with pytest.raises(TokenInvalid):
            await VERIFIER.verify(text)


async def test_a_token_without_kid_is_taken_where_there_is_one_key_only() -> None:
    single = Source(json.dumps({"keys": JWKS["keys"][:1]}).encode())
    await TokenVerifier(ISSUER, AUDIENCE, single, lambda: NOW).verify(token(header={"kid": None}))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b'{"keys": 1}'])
def test_what_is_no_jwks_is_not_taken_for_an_empty_one(text: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        KeySet.parse(text)


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "x"},
        {"kty": "OKP", "crv": "Ed448", "kid": "x", "x": "AA"},
        {"kty": "RSA"},
        {"kid": 7},
        {**OKPAlgorithm.to_jwk(ED, as_dict=True), "kid": "x"},
    ],
)
def test_a_weak_private_or_broken_key_is_left_out(entry: dict[str, object]) -> None:
    assert KeySet.parse(json.dumps({"keys": [entry, 5, None]}).encode()).find("x") is None
