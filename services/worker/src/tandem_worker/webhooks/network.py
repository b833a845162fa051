"""Connections to addresses that others choose: to the internet, and never into our own networks.

The name is resolved here, each of its addresses is looked at, and the connection goes to an address that was looked
at. So a name that leads somewhere else a moment later (DNS rebinding) changes nothing; TLS still verifies the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore
from tandem_contracts.webhook_urls import is_loopback, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]
# Of a name's addresses, so many are tried.
TRIED = 3


class AddressRefusedError(Exception):
    """The name leads to an address that nothing may be sent to; which one is not for the partner to know."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the operating system has them; OSError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """What httpcore connects by. `allow_loopback` is for development and tests."""

    def __init__(self, *, allow_loopback: bool, resolve: Resolve = resolve) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError("the name could not be resolved") from error
        if not addresses or not all(self._may_connect(address) for address in addresses):
            raise AddressRefusedError("the name leads to an address that is not on the internet")
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses[:TRIED]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefusedError("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _may_connect(self, address: str) -> bool:
        return is_public(address) or (self._allow_loopback and is_loopback(address))
