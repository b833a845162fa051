"""Where webhooks may be sent: never into a network of ours.

Who subscribes chooses the address, and we connect to it from the inside. So a URL is looked at when it is given, and
again each time, behind the name's resolution, the address that it leads to (`tandem_worker.webhooks.network`).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

MAXIMUM_URL = 2000
# IPv6 addresses that stand for the IPv4 address in their last 32 bits (RFC 6052, RFC 4291).
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
# Of protocols rather than hosts; a cloud has its metadata there. Python counts parts of it as global.
_PROTOCOLS = IPv4Network("192.0.0.0/24")


def is_public(address: str) -> bool:
    """Whether the IP address belongs to the internet at large, and not to a host, a network or a cloud's inside."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and _leads_to_ipv4(found):
        return False
    if isinstance(found, IPv4Address) and found in _PROTOCOLS:
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback


def objection_to(url: str, *, allow_loopback: bool) -> str | None:
    """Why no webhook may be sent there, as far as the URL tells; None when it may.

    `allow_loopback` also allows http, and addresses of this machine: for development and tests.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "It is not a URL."
    schemes = ("https", "http") if allow_loopback else ("https",)
    objections = (
        (
            len(url) > MAXIMUM_URL or not url.isascii() or not url.isprintable() or " " in url,
            f"A URL has at most {MAXIMUM_URL} characters, all of them printable ASCII.",
        ),
        (parts.scheme not in schemes, f"It must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}."),
        (not host, "It names no host."),
        ("@" in parts.netloc, "It must hold no user or password: the signature tells who sends."),
        (parts.fragment, "It must have no fragment."),
        (host and not _may_be_public(host, allow_loopback=allow_loopback), "It must be reachable from the internet."),
    )
    return next((objection for holds, objection in objections if holds), None)


def _may_be_public(host: str, *, allow_loopback: bool) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        inside = host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
        return not inside or (allow_loopback and host == "localhost")
    return is_public(str(address)) or (allow_loopback and address.is_loopback)


def _leads_to_ipv4(address: IPv6Address) -> bool:
    """Addresses that are gateways to some IPv4 address; nobody needs one for a webhook."""
    return (
        address.ipv4_mapped is not None
        or address.sixtofour is not None
        or address.teredo is not None
        or address in _COMPATIBLE
        or any(address in network for network in _NAT64)
    )
