"""Under another prefix families of jobs still find each other."""

from oxyq.snapshot.prefixes import Renaming

CHILD = [
    b"name", b"step", b"data", b'{"note":"bull:message:parent-1"}',
    b"opts", b'{"attempts":3,"parent":{"id":"parent-1","queue":"bull:message"}}',
    b"parentKey", b"bull:message:parent-1",
    b"parent", b'{"id":"parent-1","queueKey":"bull:message"}',
]  # fmt: skip


def test_a_child_names_its_parent_as_it_is_called_now() -> None:
    renamed = Renaming("bull", "shop").of_job(CHILD)

    fields = dict(zip(renamed[::2], renamed[1::2], strict=True))
    assert fields[b"parentKey"] == b"shop:message:parent-1"
    assert fields[b"parent"] == b'{"id":"parent-1","queueKey":"shop:message"}'
    assert fields[b"opts"] == b'{"attempts":3,"parent":{"id":"parent-1","queue":"shop:message"}}'
    # what people wrote is theirs
    assert fields[b"data"] == b'{"note":"bull:message:parent-1"}'


def test_a_parent_finds_its_children() -> None:
    renaming = Renaming("bull", "{shop}")

    assert renaming.of_part("dependencies", [b"bull:message:c-1"]) == [b"{shop}:message:c-1"]
    assert renaming.of_part("processed", [b"bull:message:c-1", b'{"sent":1}']) == [b"{shop}:message:c-1", b'{"sent":1}']
    assert renaming.of_part("logs", [b"bull:message:c-1"]) == [b"bull:message:c-1"]


def test_under_the_same_prefix_nothing_is_touched() -> None:
    assert Renaming("bull", "bull").of_job(CHILD) == CHILD
