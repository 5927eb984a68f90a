"""What one release does not know of another's settings and jobs it keeps, and never drops in silence."""

import json
import time

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.app import App
from oxyq.dead_letters import Filter
from oxyq.process import running_workers
from tests.journeys.conftest import ORGANIZATION, WhatsApp
from tests.versions.conftest import Releases
from tests.versions.test_two_releases import ended, message, reminder

OF_TOMORROW = {"shape": ["of", {"things": None}], "ação": 1.5}
RELEASES = pytest.mark.parametrize("release", ["previous", "this"])


@RELEASES
async def test_a_part_is_changed_and_the_rest_kept(
    app: App, releases: Releases, redis_client: "redis.asyncio.Redis", prefix: str, release: str
) -> None:
    # Given settings of an organization, and an automation, with fields that no release knows yet
    key = redis_keys.organization(ORGANIZATION, prefix=prefix)
    settings = json.loads(str(await redis_client.get(key)))
    settings["promised"], settings["conversation"]["promised"] = OF_TOMORROW, OF_TOMORROW
    await redis_client.set(key, json.dumps(settings))
    _, payload = reminder("5511999990010", "later")
    automations = app.queues["automation"]
    await automations.add("automation", {**payload, "promised": OF_TOMORROW}, job_id="auto-of-tomorrow", delay_ms=10**8)

    # When a release changes what it knows
    at_ms = int(time.time() * 1000) + 200_000_000
    await releases.run(release, "-m", "tests.versions.rewrite", ORGANIZATION, "a-later", str(at_ms))

    # Then the rest is as it was
    after = json.loads(str(await redis_client.get(key)))
    assert after == {**settings, "weight": 2}
    [(moved_id, _)] = await automations.delayed_ids()
    [moved] = await automations.data([moved_id])
    assert moved == {**payload, "scheduledFor": at_ms, "promised": OF_TOMORROW}


async def test_the_whole_is_never_replaced_by_what_a_release_knows_of_it(
    app: App, releases: Releases, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Shown, edited and stored again, settings with a field it does not know are refused, and the field is named."""
    key = redis_keys.organization(ORGANIZATION, prefix=prefix)
    settings = {**json.loads(str(await redis_client.get(key))), "promised": OF_TOMORROW}
    await redis_client.set(key, json.dumps(settings))
    shown = await releases.run("previous", "-m", "oxyq", "orgs", "show", ORGANIZATION, "--json")
    assert json.loads(shown)["promised"] == OF_TOMORROW

    with pytest.raises(AssertionError, match="promised"):  # how `run` tells that it ended badly
        await releases.run("previous", "-m", "oxyq", "orgs", "set", "-", stdin=shown)
    assert json.loads(str(await redis_client.get(key))) == settings


async def test_a_job_s_own_fields_go_with_it_wherever_it_goes(
    app: App, whatsapp: WhatsApp, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Done, or buried and replayed: what it carries is what it carried."""
    _, good = message("5511999990010", "good")
    _, bad = message("5511999990020", "bad")
    good, bad = {**good, "promised": OF_TOMORROW}, {**bad, "promised": OF_TOMORROW, "organizationId": "org_nobody"}
    queue = app.queues["message"]
    for job_id, data in (("job-good", good), ("job-bad", bad)):
        await queue.add("message", data, job_id=job_id)

    async with running_workers(app):
        await whatsapp.until(1)
        await ended(app)
        [letter] = [one async for one in app.dead_letters.find(Filter())]
        assert letter.data == bad
        await app.dead_letter_actions.replay(letter.id, by="test")
        await ended(app)

    assert await queue.data(["job-good", "job-bad"]) == [good, bad]
