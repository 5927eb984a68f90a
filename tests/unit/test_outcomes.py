"""The endings of a job are plain values."""

import dataclasses

import pytest

from oxyq.outcomes import Discard, Done, Failed, Later, Outcome


@pytest.mark.parametrize("outcome", [Done(), Later(1, "soon"), Failed("no"), Discard("never")])
def test_an_outcome_cannot_be_changed_after_it_was_returned(outcome: Outcome) -> None:
    field = dataclasses.fields(outcome)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(outcome, field, "changed")


def test_done_without_a_value_is_a_result_of_null() -> None:
    assert Done().value is None
