"""From where media may be fetched. A gateway names an address, and whoever can make it lie must reach nothing inside.

The address is read by the library that also calls it, so there are no two opinions on what it says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from yarl import URL

__all__ = ["Source", "is_public", "source_of"]

_LONGEST = 4096
#: Translated by the network into the IPv4 address in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Source:
    """An address that may be asked.

    Attributes:
        trusted: it is where the channel's own gateway is, as an operator wrote it; that may be inside.
    """

    url: URL
    trusted: bool


def source_of(address: object, base_url: str, hosts: Collection[str]) -> Source | None:
    """What may be asked of an address that a gateway named; None: nothing.

    Args:
        base_url: of the channel. The same scheme, host and port are trusted.
        hosts: lower-case names of others, which are asked over https on its own port and only at public addresses.
    """
    if not isinstance(address, str) or not 0 < len(address) <= _LONGEST:
        return None
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        return None
    try:
        # Nothing is re-quoted: the addresses are signed.
        url, base = URL(address, encoded=True), URL(base_url)
        host, port = (url.host or "").lower(), url.port
    except ValueError:
        return None
    if not host or "@" in url.raw_authority or url.raw_fragment:
        return None
    if (url.scheme, host, port) == (base.scheme, (base.host or "").lower(), base.port):
        return Source(url, trusted=True) if url.scheme in ("http", "https") else None
    if url.scheme == "https" and port == 443 and host in hosts:
        return Source(url, trusted=False)
    return None


def is_public(address: str) -> bool:
    """Whether an IP address is somebody's on the internet, also behind what carries IPv4 inside IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public(found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
        if address.scope_id is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
