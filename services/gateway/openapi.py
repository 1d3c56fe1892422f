"""The contracts and their pages, as the gateway serves them: public, with ETags, and without the internet."""

import hashlib
import html
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import shared
from shared.errors import NotFound
from shared.failures import to_response

CONTRACTS: Final = Path(shared.__file__).parent / "contracts"
JSON: Final = "application/json"
YAML: Final = "application/yaml"
HTML: Final = "text/html; charset=utf-8"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_ASSETS: Final = "fastapi_swagger.resources"
_START: Final = """\
window.onload = () => SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#docs", deepLinking: true, persistAuthorization: true, displayRequestDuration: true,
  docExpansion: "none", defaultModelsExpandDepth: 0, tryItOutEnabled: true, validatorUrl: null
});
"""
_DOCS: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>PMO backend: the API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}
td{{padding:.2rem 1rem .2rem 0}}</style></head>
<body>{body}</body></html>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that stays the same while the process lives."""

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Asset":
        """Make an asset with the digest of its bytes as ETag."""
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        """Answer with the asset, or with 304."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache"}
        if self.media_type == HTML:
            headers["Content-Security-Policy"] = PAGE_POLICY
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def merged_document() -> Mapping[str, object]:
    """Return the committed, merged OpenAPI document."""
    document: dict[str, object] = json.loads((CONTRACTS / "openapi.json").read_bytes())
    return document


def assets() -> dict[str, Asset]:
    """Return path -> asset of everything that is served as it is."""
    found = {
        "/openapi.json": Asset.of((CONTRACTS / "openapi.json").read_bytes(), JSON),
        "/asyncapi.yaml": Asset.of((CONTRACTS / "asyncapi.yaml").read_bytes(), YAML),
        "/docs": Asset.of(_DOCS.encode(), HTML),
        "/docs/start.js": Asset.of(_START.encode(), "text/javascript"),
    }
    for name, kind in (("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")):
        file: Traversable = importlib.resources.files(_ASSETS) / name
        found[f"/docs/{name}"] = Asset.of(file.read_bytes(), kind)
    for path in sorted((CONTRACTS / "events").glob("*.json")):
        found[f"/schemas/{path.name}"] = Asset.of(path.read_bytes(), "application/schema+json")
    problems: list[dict[str, object]] = json.loads((CONTRACTS / "problems.json").read_bytes())
    found["/problems"] = _contents(problems)
    for problem in problems:
        found[f"/problems/{_name(problem)}"] = _problem(problem)
    return found


def _name(problem: Mapping[str, object]) -> str:
    return str(problem["code"]).replace("_", "-")


def _problem(problem: Mapping[str, object]) -> Asset:
    text = {key: html.escape(str(value)) for key, value in problem.items()}
    body = (
        f"<h1>{text['title']}</h1><p>code <code>{text['code']}</code>, status {text['status']}</p>"
        f"<h2>Cause</h2><p>{text['cause']}</p><h2>Cure</h2><p>{text['cure']}</p>"
        '<p><a href="/problems">All problems</a></p>'
    )
    return Asset.of(_PAGE.format(title=text["title"], body=body).encode(), HTML)


def _contents(problems: Iterable[Mapping[str, object]]) -> Asset:
    rows = "".join(
        f'<tr><td><a href="/problems/{_name(p)}"><code>{html.escape(str(p["code"]))}</code></a></td>'
        f"<td>{p['status']}</td><td>{html.escape(str(p['title']))}</td></tr>"
        for p in problems
    )
    return Asset.of(_PAGE.format(title="Problems", body=f"<h1>Problems</h1><table>{rows}</table>").encode(), HTML)


async def _fixed(asset: Asset, request: Request) -> Response:
    return asset.answer(request)


def pages() -> list[Route]:
    """Return the routes of all public pages."""
    found = assets()

    async def one(folder: str, request: Request) -> Response:
        asset = found.get(f"/{folder}/{request.path_params['name']}")
        return to_response(request, NotFound()) if asset is None else asset.answer(request)

    fixed = [path for path in found if not path.startswith(("/schemas/", "/problems/"))]
    return [
        *(Route(path, partial(_fixed, found[path])) for path in fixed),
        Route("/schemas/{name}", partial(one, "schemas")),
        Route("/problems/{name}", partial(one, "problems")),
    ]
