"""The identity provider's public keys, fetched ahead, when one is missing too, and kept."""

import asyncio
import time
from collections.abc import Callable

import httpx
import structlog
from jwt import InvalidTokenError, PyJWK, PyJWKSet

log = structlog.get_logger()

FETCH_SECONDS = 3.0
# A provider that did not answer may be there in a moment: both may have been started together.
RETRY_SECONDS = 1.0


class KeysUnavailableError(Exception):
    """The identity provider cannot be asked, and no key is known that would do."""


class SigningKeys:
    """Keys by their id. An unknown id asks the provider again, at most every `refetch_seconds` while it answers.

    Keys older than `maximum_age_seconds` are fetched anew, so that one that was withdrawn ends; while the provider is
    away the old ones stay in use.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        refetch_seconds: float,
        maximum_age_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._url = url
        self._refetch_seconds = refetch_seconds
        self._maximum_age_seconds = maximum_age_seconds
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched = float("-inf")
        self._asked = float("-inf")
        self._failed = False
        self._asking = asyncio.Lock()

    async def keep(self) -> None:
        """Until cancelled, fetch the keys before somebody waits for them: at the start, and before they are too old."""
        while True:
            async with self._asking:
                await self._fetch()
            ahead = max(self._maximum_age_seconds / 2, self._refetch_seconds)
            await asyncio.sleep(self._pause() if self._failed else ahead)

    async def key(self, key_id: str) -> PyJWK | None:
        """The key, or None when the provider has none of this id; KeysUnavailableError when it cannot be asked."""
        if self._wanting(key_id):
            async with self._asking:
                if self._wanting(key_id):  # another request may have asked while this one waited
                    await self._fetch()
        found = self._keys.get(key_id)
        if found is None and self._failed:
            raise KeysUnavailableError
        return found

    def _wanting(self, key_id: str) -> bool:
        now = self._clock()
        stale = key_id not in self._keys or now - self._fetched > self._maximum_age_seconds
        return stale and now - self._asked >= self._pause()

    def _pause(self) -> float:
        """How long the provider is left alone."""
        return min(RETRY_SECONDS, self._refetch_seconds) if self._failed else self._refetch_seconds

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = (await self._client.get(self._url)).raise_for_status()
            keys = PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, TimeoutError, InvalidTokenError, ValueError, AttributeError) as error:
            self._failed = True
            log.warning("signing keys not fetched", url=self._url, error=f"{type(error).__name__}: {error}")
            return
        finally:
            # Not earlier: whoever comes meanwhile must wait for the keys and not do without.
            self._asked = self._clock()
        self._failed = False
        self._fetched = self._clock()
        self._keys = {key.key_id: key for key in keys if key.key_id}
        log.info("signing keys fetched", url=self._url, keys=sorted(self._keys))
