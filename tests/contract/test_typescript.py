"""The types that openapi-typescript makes of the document compile strictly; AsyncAPI's own parser takes ours."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from shared.testing.cases import ROOT

HERE = Path(__file__).parent
NPM = shutil.which("npm")
needs_npm = pytest.mark.skipif(NPM is None, reason="npm is not installed")

USE = """
import type { components, operations, paths } from "./api";

type Kpis = components["schemas"]["KpisRead"];
const value: Kpis["metrics"]["cost_performance_index"]["value"] = null;
const body: paths["/v1/projects"]["post"]["requestBody"]["content"]["application/json"] = {
  name: "Harbour",
  currency: "EUR",
};
type Answer = operations["getMe"]["responses"][200]["content"]["application/json"];
export const who = (me: Answer): string => `${me.subject} ${me.permissions.map((grant) => grant.reach).join()}`;
export const used = [value, body];
"""
PARSE = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const { Parser } = createRequire(process.argv[2])("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[3], "utf8"));
const wrong = diagnostics.filter((one) => one.severity <= 1).map((one) => `${one.path?.join("/")}: ${one.message}`);
console.log(JSON.stringify({ parsed: document !== undefined, wrong }));
"""


@pytest.fixture(scope="session")
def tools() -> Path:
    """The pinned tools, installed once for each lock file into the cache folder."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pmo-backend"
    folder = cache / f"contract-tools-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = Path(tempfile.mkdtemp(dir=cache))
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, made / name)
            command = [NPM or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(made)
                # A developer may be offline; where everything must be there, nothing is passed over.
                give_up = pytest.fail if os.environ.get("CI") else pytest.skip
                give_up(f"npm cannot install the pinned tools: {done.stderr.strip()[-300:]}")
            made.rename(folder)
    return folder


def run(tools: Path, *command: str, cwd: Path) -> str:
    """Run a tool; fails with what it said."""
    binary = tools / "node_modules/.bin" / command[0]
    done = subprocess.run([str(binary), *command[1:]], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_npm
def test_typescript_types_compile_strictly(tools: Path, tmp_path: Path) -> None:
    said = run(tools, "openapi-typescript", str(ROOT / "shared/contracts/openapi.json"), "-o", "api.d.ts", cwd=tmp_path)
    assert "warn" not in said.lower()
    (tmp_path / "use.ts").write_text(USE)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run(tools, "tsc", *options, "use.ts", "api.d.ts", cwd=tmp_path)


@needs_npm
def test_asyncapi_is_parsed_without_an_error(tools: Path, tmp_path: Path) -> None:
    script = tmp_path / "parse.mjs"
    script.write_text(PARSE)
    source = ROOT / "shared/contracts/asyncapi.yaml"
    command = ["node", str(script), str(tools / "package.json"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"parsed": True, "wrong": []}
