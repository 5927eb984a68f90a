"""Which numbers fail at the local servers, and how: by their last four digits, those of the simulator and some more.

====  ==============================================================================
9901  the server says that it could not send it, every time
9902  not on WhatsApp
9903  taken, but the connection is cut in the middle of the reply
9904  slow: takes `slow_seconds` (2 s), then all is well
9905  fails once for each message, then all is well
9906  asks its number to slow down, once for each message
9907  the same for this recipient only
9908  the same for campaigns of its number only
9909  wants a template (Cloud API)
9910  the person stopped marketing (Cloud API)
9911  the access is refused: an expired token, a number that was logged out
9912  taken, but the reply is garbage
9913  a proxy's 502 without a body
====  ==============================================================================
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Fault: TypeAlias = Literal[
    "refused",
    "absent",
    "cut",
    "slow",
    "first",
    "slow_number",
    "slow_pair",
    "slow_campaign",
    "template",
    "opted_out",
    "halted",
    "garbage",
    "no_body",
]

FAULTS: Final[Mapping[str, Fault]] = {
    "9901": "refused",
    "9902": "absent",
    "9903": "cut",
    "9904": "slow",
    "9905": "first",
    "9906": "slow_number",
    "9907": "slow_pair",
    "9908": "slow_campaign",
    "9909": "template",
    "9910": "opted_out",
    "9911": "halted",
    "9912": "garbage",
    "9913": "no_body",
}
ONCE: Final[frozenset[Fault]] = frozenset({"first", "slow_number", "slow_pair", "slow_campaign"})
"""All is well when the same message comes again."""


def fault_of(recipient: str) -> Fault | None:
    """How sending to this number fails, if it does."""
    return FAULTS.get(recipient.partition("@")[0][-4:])
