"""Handles say nothing of whom they stand for, and are good in one organization."""

import pytest

from oxyq.api.handles import Handles
from oxyq.errors import NotFound

SECRET = "a-secret-of-at-least-32-characters"


def test_the_same_person_has_the_same_handle_in_every_process() -> None:
    handle = Handles(SECRET).of("org", "wa_1 5511988887777")

    assert handle == Handles(SECRET).of("org", "wa_1 5511988887777")
    assert Handles(SECRET).read("org", handle) == "wa_1 5511988887777"
    assert "988887777" not in handle and handle != Handles(SECRET).of("org", "wa_1 5511988887778")


@pytest.mark.parametrize(
    "spoil", [lambda one: one[:-1], lambda one: one + "A", lambda one: one.upper(), lambda _: "h_"]
)
def test_what_we_did_not_seal_stands_for_nobody(spoil: object) -> None:
    handles = Handles(SECRET)

    with pytest.raises(NotFound):
        handles.read("org", spoil(handles.of("org", "5511988887777")))  # type: ignore[operator]


def test_a_handle_of_another_organization_or_installation_stands_for_nobody() -> None:
    handle = Handles(SECRET).of("org", "5511988887777")

    with pytest.raises(NotFound):
        Handles(SECRET).read("org_2", handle)
    with pytest.raises(NotFound):
        Handles(SECRET[::-1]).read("org", handle)
