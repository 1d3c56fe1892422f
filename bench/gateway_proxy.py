"""The proxy path against nginx's proxy_pass in one run; needs nginx and wrk."""

import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from bench.report import Finding
from services.gateway.proxy.app import Edge, ProxyApp
from services.gateway.proxy.authentication import Authenticator
from services.gateway.proxy.client import Upstream
from services.gateway.proxy.keys import FileKeys
from services.gateway.proxy.observe import AccessLines
from services.gateway.proxy.routes import Route, RouteTable
from services.gateway.proxy.tokens import TokenVerifier
from shared.auth import InternalTokenMinter
from shared.guard import Rules
from shared.http_server import server

BACKEND, NGINX, GATEWAY = 18501, 18502, 18503
PATH = "/v1/projects/0190c0de-0000-7000-8000-000000000001"
BODY = json.dumps({"id": "0190c0de-0000-7000-8000-000000000001", "name": "x" * 300})
ROUNDS, SECONDS = 4, 2
ISSUER, AUDIENCE = "https://issuer.example", "pmo"

CONFIG = """
daemon off; worker_processes 1; pid {folder}/{port}.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000000;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""
ANSWERS = f"location / {{ default_type application/json; return 200 '{BODY}'; }}"
PASSES = 'location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }'


@contextmanager
def process(command: list[str]) -> Iterator[None]:
    """Run a server for as long as the block runs."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait(10)


def nginx(folder: Path, port: int, location: str) -> list[str]:
    """The command of an nginx with one worker."""
    config = folder / f"{port}.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, backend=BACKEND, location=location))
    return ["nginx", "-c", str(config)]


def serve_gateway(folder: Path) -> None:
    """Run the gateway's edge, everything on, in front of the backend."""
    route = Route(method="GET", template="/v1/projects/{project_id}", service="projects")

    async def nobody(_key_id: str) -> None:
        return None

    async def inner(_scope: object, _receive: object, _send: object) -> None:
        return None

    edge = Edge(
        routes=RouteTable([route], ["projects"]),
        upstreams={"projects": Upstream("projects", f"http://127.0.0.1:{BACKEND}")},
        authenticator=Authenticator(TokenVerifier(ISSUER, AUDIENCE, FileKeys(folder / "jwks.json")), nobody),
        minter=InternalTokenMinter(Ed25519PrivateKey.generate()),
        inner=inner,
        rules=Rules(hosts=frozenset({"127.0.0.1"})),
        access_log=AccessLines(),
    )
    server(ProxyApp(edge), "127.0.0.1", GATEWAY, keep_alive=15, lifespan="off").run()


def credentials(folder: Path) -> str:
    """Write a JWKS and return a token that it verifies."""
    key = Ed25519PrivateKey.generate()
    public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    (folder / "jwks.json").write_text(json.dumps({"keys": [{**public, "kid": "bench", "use": "sig"}]}))
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "bench",
        "iat": now,
        "exp": now + 3600,
        "organization": "0190c0de-0000-7000-8000-0000000000aa",
        "roles": ["pmo_director"],
    }
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": "bench"})


def load(port: int, token: str, connections: int) -> tuple[float, float, float]:
    """Requests per second, p50 and p99 in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-H", f"Authorization: Bearer {token}"]
    text = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{PATH}"], check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    found = {name: _milliseconds(value) for name, value in re.findall(r"(50|99)%\s+([\d.]+(?:us|ms|s))", text)}
    if rate is None:
        raise SystemExit(text)
    return float(rate[1]), found["50"], found["99"]


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def findings() -> list[Finding]:
    """Rates and latencies side by side, rounds interleaved."""
    found = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        token = credentials(folder)
        stack.enter_context(process(nginx(folder, BACKEND, ANSWERS)))
        stack.enter_context(process(nginx(folder, NGINX, PASSES)))
        stack.enter_context(process([sys.executable, "-m", "bench.gateway_proxy", name]))
        for port in (BACKEND, NGINX, GATEWAY):
            _wait(port, token)
        for connections in (1, 32):
            results: dict[int, list[tuple[float, float, float]]] = {NGINX: [], GATEWAY: []}
            for _ in range(ROUNDS):
                for port, measured in results.items():
                    measured.append(load(port, token, connections))
            for title, port in (("nginx", NGINX), ("gateway", GATEWAY)):
                rate, p50, p99 = (statistics.median(column) for column in zip(*results[port], strict=True))
                figures = {"requests/s": rate, "p50 ms": p50, "p99 ms": p99}
                found.append(Finding("nginx", f"{title} as proxy, {connections} conn.", figures))
            pairs = list(zip(results[GATEWAY], results[NGINX], strict=True))
            ratio = statistics.median(g[0] / n[0] for g, n in pairs)
            added = statistics.median(g[1] - n[1] for g, n in pairs)
            goal = 0.4 if connections == 32 else None
            found.append(Finding("nginx", f"gateway / nginx, {connections} conn.", value=ratio, least=goal))
            if connections == 1:
                found.append(Finding("nginx", "gateway - nginx, p50 ms", value=added, most=0.25))
    return found


def _wait(port: int, token: str) -> None:
    for _ in range(100):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            client.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
            if client.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            client.close()
        time.sleep(0.1)
    raise SystemExit(f"nothing answers on {port}")


if __name__ == "__main__":
    serve_gateway(Path(sys.argv[1]))
