"""The audit: written before the deed, found again by who, what and whose, for a year."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.audit import ASKED, DONE, AuditEntry, AuditLog, Deed, Wanted
from oxyq.engine.hub import Hub

DEED = Deed("job.retry", "message/msg-1", "ana", "owner", "board", "org_1", "198.51.100.7")


@pytest.fixture
async def audit(redis_url: str, prefix: str) -> AsyncIterator[AuditLog]:
    """The audit of this test's installation."""
    hub = Hub(redis_url, prefix=prefix)
    yield AuditLog(hub)
    await hub.close()


async def targets(audit: AuditLog, **wanted: str) -> list[str]:
    return told((await audit.page(Wanted(**wanted))).entries)


def told(entries: Sequence[AuditEntry]) -> list[str]:
    return [entry.deed.target for entry in entries]


async def test_an_entry_is_there_before_the_deed_is_done(audit: AuditLog) -> None:
    entry_id = await audit.begin(DEED)

    (asked,) = (await audit.page(Wanted())).entries
    assert (asked.deed, asked.outcome, asked.detail) == (DEED, ASKED, {})

    await audit.end(entry_id, DONE, {"count": 3, "ids": ["a", "b"]})
    (done,) = (await audit.page(Wanted())).entries
    assert (done.id, done.outcome, done.detail) == (asked.id, DONE, {"count": 3, "ids": ["a", "b"]})


async def test_it_is_found_by_whose_who_and_what(audit: AuditLog) -> None:
    for target, deed in {
        "1": DEED,
        "2": replace(DEED, by="rui", action="job.remove"),
        "3": replace(DEED, organization_id="org_2", action="jobs.clean"),
        "4": replace(DEED, organization_id=None, action="queue.pause"),
    }.items():
        await audit.write(replace(deed, target=target))

    assert await targets(audit) == ["4", "3", "2", "1"]
    assert await targets(audit, organization_id="org_1") == ["2", "1"]
    assert await targets(audit, organization_id="org_3") == []
    assert await targets(audit, by="rui") == ["2"]
    assert await targets(audit, action="job.retry") == ["1"]
    assert await targets(audit, action="job") == ["2", "1"]
    assert await targets(audit, organization_id="org_1", by="ana") == ["1"]


async def test_whose_it_was_may_turn_out_later(audit: AuditLog) -> None:
    entry_id = await audit.begin(replace(DEED, organization_id=None))
    assert await targets(audit, organization_id="org_2") == []

    await audit.end(entry_id, DONE, organization_id="org_2")

    (entry,) = (await audit.page(Wanted("org_2"))).entries
    assert entry.deed.organization_id == "org_2"
    assert len((await audit.page(Wanted())).entries) == 1


@pytest.mark.parametrize("limit", [1, 3, 10, 249, 250, 300])
async def test_pages_together_are_all_of_it_whatever_comes_meanwhile(
    audit: AuditLog, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given all were written in the same millisecond, which is where a place between them is hard to tell."""
    monkeypatch.setattr("oxyq.audit.now_ms", lambda: 1_795_377_084_000)
    for number in range(250):
        await audit.write(replace(DEED, target=str(number)))
    seen, before = list[AuditEntry](), None
    monkeypatch.setattr("oxyq.audit.now_ms", lambda: 1_795_377_084_001)

    while True:
        page = await audit.page(Wanted("org_1"), before=before, limit=limit)
        assert len(page.entries) <= limit
        seen += page.entries
        await audit.write(replace(DEED, target="meanwhile"))
        if page.next is None:
            break
        before = page.next

    assert sorted(map(int, told(seen))) == list(range(250))
    assert [entry.id for entry in seen] == sorted((entry.id for entry in seen), reverse=True)


async def test_a_filter_that_fits_little_looks_through_2000_and_says_where_to_go_on(audit: AuditLog) -> None:
    await audit.write(replace(DEED, by="rui"))
    for _ in range(2_050):
        await audit.write(DEED)

    page = await audit.page(Wanted(by="rui"))
    assert page.entries == []
    assert page.next is not None

    rest = await audit.page(Wanted(by="rui"), before=page.next)
    assert [entry.deed.by for entry in rest.entries] == ["rui"]
    assert rest.next is None


async def test_it_is_kept_for_a_year_and_not_longer(
    audit: AuditLog, redis_client: "redis.asyncio.Redis", prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await audit.write(DEED)
    (old,) = (await audit.page(Wanted())).entries
    key = redis_keys.audit_entry(old.id, prefix=prefix)
    assert 0 < await redis_client.ttl(key) <= redis_keys.AUDIT_SECONDS

    later = old.at_ms + redis_keys.AUDIT_SECONDS * 1000 + 1
    monkeypatch.setattr("oxyq.audit.now_ms", lambda: later)
    await audit.write(replace(DEED, target="new"))

    for organization_id in (None, "org_1"):
        index = redis_keys.audit(organization_id, prefix=prefix)
        assert await redis_client.zcard(index) == 1
        # A page that was left open for so long ends
        assert (await audit.page(Wanted(organization_id), before=old.id)).entries == []
