"""The error tree tells the caller what can be done."""

import pickle

import pytest

from oxyq import errors
from oxyq.errors import ConfigurationError, IdConflict, InvalidPayload, OxyqError, TemporaryError


@pytest.mark.parametrize(
    "name",
    [
        "ConfigurationError",
        "InvalidPayload",
        "IdConflict",
        "QueueUnavailable",
        "NotFound",
        "TemporaryError",
        "PermanentError",
    ],
)
def test_every_error_is_an_oxyq_error_and_stands_in_the_drawn_tree(name: str) -> None:
    assert issubclass(getattr(errors, name), OxyqError)
    assert f"── {name} " in (errors.__doc__ or "")


def test_a_configuration_error_has_one_line_for_each_problem() -> None:
    error = ConfigurationError("OXYQ_PORT: must be a number", "OXYQ_ENV: is empty")

    assert str(error) == "OXYQ_PORT: must be a number\nOXYQ_ENV: is empty"
    assert error.problems == ("OXYQ_PORT: must be a number", "OXYQ_ENV: is empty")


def test_an_invalid_payload_names_every_field_that_is_wrong() -> None:
    error = InvalidPayload("from", "is missing", more=[("content", "must not be blank")])

    assert str(error) == "from: is missing; content: must not be blank"
    assert error.problems == (("from", "is missing"), ("content", "must not be blank"))


def test_an_id_conflict_names_the_job_and_the_way_out() -> None:
    assert str(IdConflict("msg-1")).startswith("msg-1: ")
    assert "messageId" in str(IdConflict("msg-1"))


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("a", "b"),
        InvalidPayload("from", "is missing", more=[("content", "is missing")]),
        IdConflict("msg-1"),
        TemporaryError("later", retry_after_seconds=2.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way_to_another_process(error: OxyqError) -> None:
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_a_temporary_error_carries_the_wish_of_the_other_side() -> None:
    error = TemporaryError("too many messages", retry_after_seconds=1.5)

    assert (str(error), error.retry_after_seconds) == ("too many messages", 1.5)
