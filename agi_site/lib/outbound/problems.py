"""What can go wrong on the way out, said so that its reader knows what to do."""

from django.utils.translation import gettext_lazy as _

from ..problems import Problem


class AddressRefused(Problem):
    """The address is one this program does not go to."""

    status, code, title = 400, "address_refused", _("This address is not allowed.")


class OutboundFailed(Problem):
    """The other side does not answer as it should; `code` says how: unreachable, timeout, too_large, …"""

    status, code, title = 502, "unreachable", _("The address does not answer.")
