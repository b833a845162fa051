"""Another company's service: it answers after 100 ms, whatever it is asked and by however many."""

import asyncio
import json
import sys
from typing import Any

import uvicorn

SECONDS = 0.1
ANSWERS = {
    "/delivery": {"days": 2, "carriers": ["DHL", "UPS", "Hermes"]},
    "/reviews": {"stars": 4.5, "count": 128, "latest": ["Holds what it promises.", "Came on time."]},
}
BODIES = {path: json.dumps(answer).encode() for path, answer in ANSWERS.items()}


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    await asyncio.sleep(SECONDS)
    body = BODIES[scope["path"]]
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    # It closes no idle connection: one that a peer takes up in that moment would count as the peer's failure.
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        lifespan="off",
        backlog=4096,
        timeout_keep_alive=3600,
    )
