"""The one way out of this program over HTTP to addresses that people or models name.

Before anything is sent the address is checked: http or https only, no sign-in data in it, no odd spelling of
a number, and none of its IP addresses is private, loopback, link-local, a cloud's metadata service or
otherwise reserved. Names are resolved here, and the connection goes to the very address that was checked, so
a name that changes its answer meanwhile changes nothing. Each redirect is a new address. Proxies of the
environment are not used. `OUTBOUND_PRIVATE_HOSTS` names private hosts that may be reached all the same.
"""

from .addresses import HostList, checked_url, is_public
from .client import Answer, async_client, fetch
from .network import Rules, system_resolver
from .problems import AddressRefused, OutboundFailed

__all__ = [
    "AddressRefused",
    "Answer",
    "HostList",
    "OutboundFailed",
    "Rules",
    "async_client",
    "checked_url",
    "fetch",
    "is_public",
    "system_resolver",
]
