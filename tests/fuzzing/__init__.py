"""Schemathesis: what it makes of the API's own description, sent to the API. `python -m fuzzing` has the whole run."""

import json
import re
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import httpx

PROGRAM = Path(sys.executable).with_name("schemathesis")
# Not among them: that whatever has the form is accepted. A cursor has to be one of ours, a product has to be for sale.
NOT_ASKED = "positive_data_acceptance"
STREAMS = "/x-rate-limit == streams"
# What the description gives as an example of a product; one that the store has takes its place.
EXAMPLE_SKU = "MUG-0001"
# A key is good for one request: of operations that share an example all but the first would be refused.
IDEMPOTENCY_KEY = "Idempotency-Key"
_COUNT = re.compile(r"^\s+(\d+) generated", re.MULTILINE)


class FailedError(Exception):
    """What Schemathesis found, in its own words, with how to see it again."""


def fuzz(url: str, token: str | None, *, seed: int, examples: int) -> int:
    """Send requests to the API at `url`, so many of each kind to each operation; returns how many in all.

    Event streams are asked for as well, but for none that is there: that would go on until the token expires.
    """
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(_description(url, seed))
        arguments = [str(document), "--url", url, "--seed", str(seed), "--max-examples", str(examples)]
        if token:
            arguments += ["--header", f"Authorization: Bearer {token}"]
        rest = _run(folder, *arguments, "--exclude-by", STREAMS)
        return rest + _run(folder, *arguments, "--include-by", STREAMS, "--phases", "examples,coverage,fuzzing")


def _description(url: str, seed: int) -> str:
    for_sale: str = httpx.get(f"{url}/v1/products").raise_for_status().json()["items"][0]["sku"]
    text = httpx.get(f"{url}/openapi.json").raise_for_status().text.replace(EXAMPLE_SKU, for_sale)
    document = json.loads(text)
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == IDEMPOTENCY_KEY:
                    own = uuid.uuid5(uuid.NAMESPACE_OID, f"{seed} {operation['operationId']}")
                    parameter["schema"]["examples"] = [str(own)]
    return json.dumps(document)


def _run(folder: str, *arguments: str) -> int:
    manner = ["--request-timeout", "20", "--suppress-health-check", "all", "--exclude-checks", NOT_ASKED]
    command = [str(PROGRAM), "run", *arguments, *manner, "--generation-database", "none", "--no-color"]
    # It keeps what it finds in the current folder.
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    count = _COUNT.search(ended.stdout)
    if ended.returncode or count is None:
        raise FailedError(f"{ended.stdout}{ended.stderr}")
    return int(count[1])
