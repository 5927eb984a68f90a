"""The errors of a gateway say what may be done next."""

import pytest

from oxyq.errors import PermanentError, TemporaryError
from oxyq.gateways import base
from oxyq.gateways.base import GatewayError, MaybeSent, NeverWill, NotSent, SlowDown


@pytest.mark.parametrize(
    ("error", "may_be_retried", "is_final"),
    [
        (NotSent("refused"), True, False),
        (SlowDown("too many", retry_after_seconds=2), True, False),
        (NeverWill("no such number"), False, True),
        (MaybeSent("reply lost"), False, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_surely_did_not_go_out_is_temporary_or_final(
    error: GatewayError, may_be_retried: bool, is_final: bool
) -> None:
    assert isinstance(error, GatewayError)
    assert isinstance(error, TemporaryError) is may_be_retried
    assert isinstance(error, PermanentError) is is_final
    assert f"── {type(error).__name__} " in (base.__doc__ or "")


def test_slow_down_is_for_the_whole_number_unless_it_says_otherwise() -> None:
    assert SlowDown("too many").scope == "number"
    assert SlowDown("too many", scope="pair").scope == "pair"


def test_slow_down_carries_its_time() -> None:
    assert SlowDown("too many", retry_after_seconds=2).retry_after_seconds == 2
    assert NotSent("refused").retry_after_seconds is None
