"""Where an organization is, as it is written and read again."""

import pytest

from oxyq.shards.place import Place, read_place

HERE = Place("home")


@pytest.mark.parametrize(
    ("place", "text", "is_moving"),
    [
        (HERE, "home", False),
        (HERE.leaving("south-2"), "home>south-2", True),
        (HERE.leaving("south").copied(), "home>>south", True),
        (Place("south"), "south", False),
    ],
)
def test_each_step_of_a_move_is_written_and_read_again(place: Place, text: str, is_moving: bool) -> None:
    assert place.text == text
    assert read_place(text) == place
    assert place.is_moving is is_moving


def test_until_all_is_copied_the_old_place_counts_and_then_the_new_one() -> None:
    assert HERE.leaving("south").shard == "home"
    assert HERE.leaving("south").copied().shard == "south"


@pytest.mark.parametrize("text", ["", ">", "home>", ">>south", "home>>>south", "Home", "home south"])
def test_what_nobody_wrote_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        read_place(text)
