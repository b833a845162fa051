"""Where a request comes from, behind proxies that we trust."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers

from tandem_api.transport import Scope

# What one customer has of IPv6: they choose among its addresses freely.
IPV6_PREFIX = 64


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """The address that the outermost of so many trusted proxies saw; with none, the connection's own.

    Proxies append to X-Forwarded-For whom they speak with. What stands further left was said by the client.
    """
    peer: str = (scope.get("client") or ("",))[0]
    if not trusted_proxies:
        return peer
    forwarded = [part.strip() for value in Headers(scope=scope).getlist("x-forwarded-for") for part in value.split(",")]
    seen = forwarded[-trusted_proxies] if len(forwarded) >= trusted_proxies else peer
    return seen if _is_address(seen) else peer


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """What is counted as one client: an IPv4 address, or the network of an IPv6 address."""
    if not _is_address(address):
        return address
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, IPV6_PREFIX), strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
