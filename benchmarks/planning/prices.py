"""What servers cost, in US dollars: each price with its source and date. Change them here when they change."""

from dataclasses import dataclass
from typing import Final

HOURS_A_MONTH: Final = 730
DAYS_A_MONTH: Final = 30


@dataclass(frozen=True, slots=True)
class Fixed:
    """A plan of Upstash: data and traffic that are in it, and its price a month."""

    gb: float
    traffic_gb: float
    dollars: float


#: Upstash, https://upstash.com/pricing/redis as of 2026-09-20: single region, without Prod Pack.
UPSTASH_PER_100K_COMMANDS: Final = 0.20
UPSTASH_PER_GB: Final = 0.25
UPSTASH_FREE_GB: Final = 1
UPSTASH_PER_TRAFFIC_GB: Final = 0.03
UPSTASH_FREE_TRAFFIC_GB: Final = 200
UPSTASH_PROD_PACK: Final = 200
UPSTASH_MOST_COMMANDS_A_SECOND: Final = 10_000
UPSTASH_FIXED: Final = (
    Fixed(0.25, 50, 10), Fixed(1, 100, 20), Fixed(5, 500, 100), Fixed(10, 1_000, 200), Fixed(50, 5_000, 400),
    Fixed(100, 10_000, 800), Fixed(500, 20_000, 1_500),
)  # fmt: skip

#: Amazon EC2 on demand, Linux, us-east-1, m7g.large as of 2026-06-17
#: (https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/); larger ones of the family
#: are multiples of it. A reservation or another host costs half of that and less.
UNIT_CORES: Final = 2
UNIT_GB: Final = 8
UNIT_DOLLARS_AN_HOUR: Final = 0.0816
