"""Whatever a command changes is in the audit; whoever adds a command says which it is."""

from oxyq.cli.deeds import DEEDS
from tests.unit.cli.test_program import COMMANDS

#: What only looks, and what is no single deed: processes, and the demo.
LOOKS = {
    "audit list", "automations list", "campaigns list", "campaigns preview", "campaigns report", "campaigns show",
    "contacts show", "conversations list", "conversations show", "dlq list", "dlq show", "instances list",
    "doctor", "instances show", "orgs list", "orgs show", "queues stats", "schedules list",
    "shards list", "shards show", "alerts list", "completion", "top",
    "api", "bench", "dev", "simulate", "workers automation", "workers campaign", "workers message", "workers start",
}  # fmt: skip
#: They ask no Redis, and what is done with the token is in the audit.
UNWRITTEN = {"contacts verify-receipt", "token issue"}


def test_every_command_looks_or_is_in_the_audit() -> None:
    assert sorted({*DEEDS, *LOOKS, *UNWRITTEN}) == [" ".join(words) for words in COMMANDS]
    assert not LOOKS & set(DEEDS)


def test_actions_are_of_the_form_that_all_doors_use() -> None:
    for action in DEEDS.values():
        thing, _, verb = action.partition(".")
        assert thing.replace("-", "").isalpha()
        assert verb.replace("-", "").isalpha()
