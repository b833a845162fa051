"""Answers that were given once, for as long as what they say is so."""

from dataclasses import dataclass
from typing import Any

from tandem_api.transport import Scope

LIMIT_BYTES = 16 * 2**20
# What an entry takes beside its body and its address.
_ENTRY_BYTES = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """A body with its ETag, and the route that made it."""

    route: Any
    etag: str
    body: bytes


class Memory:
    """Answers by path and query, `limit_bytes` of them: who asks for more begins anew, so that nobody fills it."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._answers: dict[tuple[str, bytes], Answer] = {}

    def get(self, scope: Scope) -> Answer | None:
        return self._answers.get((scope["path"], scope["query_string"]))

    def keep(self, scope: Scope, etag: str, body: bytes) -> None:
        key = (scope["path"], scope["query_string"])
        if key in self._answers:
            return
        size = len(body) + len(key[0]) + len(key[1]) + _ENTRY_BYTES
        if self._bytes + size > self._limit_bytes:
            self._answers.clear()
            self._bytes = 0
        self._answers[key] = Answer(scope["route"], etag, body)
        self._bytes += size

    def __len__(self) -> int:
        return len(self._answers)
