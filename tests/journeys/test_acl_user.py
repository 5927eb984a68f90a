"""A Redis user who may do what the how-to says and nothing else, as hosted servers give one."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from oxyq.app import open_app
from oxyq.operating.doctor.needed_commands import NEEDED
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.conftest import StartRedis
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended
from tests.journeys.hosted import look_at_the_board, write_as
from tests.redis_server import RedisServer

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "redis.md"


def documented_rule() -> list[str]:
    """The words of the `ACL SETUSER` in the how-to, from "on" to its end."""
    rule: str
    [rule] = re.findall(r"^ACL SETUSER oxyq (on [^`]*)^```", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE)
    return rule.replace("\\\n", " ").split()


@pytest.fixture
def server(start_redis: StartRedis, prefix: str) -> RedisServer:
    """A server with that user, whose password is as URLs like it least."""
    rule = [word.replace("bull", prefix).replace(">PASSWORD", ">p@ss/w:rd#1?%+") for word in documented_rule()]
    return start_redis("--user", "oxyq", *rule)


@pytest.fixture
def environment(environment: dict[str, str], server: RedisServer) -> dict[str, str]:
    """The same installation as that user."""
    return {**environment, "REDIS_URL": f"redis://oxyq:p%40ss%2Fw%3Ard%231%3F%25%2B@127.0.0.1:{server.port}/0"}


def test_the_how_to_allows_what_the_doctor_asks_for() -> None:
    """What `oxyq doctor` finds missing, and what the how-to says to allow, is one list."""
    allowed = {word.removeprefix("+").upper().split("|")[0] for word in documented_rule() if word.startswith("+")}

    assert {str(command[0]) for command in NEEDED} - allowed == set()


async def test_the_whole_journey_works_as_a_user_who_may_do_little(
    environment: dict[str, str], server: RedisServer, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given workers as that user, who do all their chores soon
    workers = start_oxyq("workers", "start", OXYQ_SWEEP_SECONDS="0.5")
    async with open_app(load_settings(environment)) as app:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))

        # When somebody writes, a campaign goes out, something is planned for later, and the board is looked at
        await write_as(app, "5521910000001")
        await app.producer.add_campaign_job(
            campaign_id="small", organization_id=ORGANIZATION, template="Oi", recipients=["5511910000001"]
        )
        await app.producer.add_automation_job(
            automation_id="later", organization_id=ORGANIZATION, instance_id="wa_demo", type="reminder",
            recipient_number="5511910000002", content="Até amanhã", scheduled_for=int(time.time() * 1000) + 500,
        )  # fmt: skip
        await look_at_the_board(app)

        # Then all of it is done
        for number in ("5521910000001", "5511910000001", "5511910000002"):
            await whatsapp.until_told(number)
        counts = await campaign_ended(app, "small", 1)
        assert counts.sent == 1
        await look_at_the_board(app)
    # (their last chore, the statistics, is done when they stop)
    await asyncio.to_thread(workers.end)

    # And the doctor has nothing to say of what is allowed, but that it is told little
    doctor = start_oxyq("doctor", "--json")
    assert await doctor.ended() == 0, doctor.output
    assert '"check": "commands", "level": "ok"' in re.sub(r"\s+", " ", doctor.output)
    # And nothing at all was refused on the way, but what we do without
    with server.client() as client:
        refused = {entry["object"] for entry in await asyncio.to_thread(client.acl_log)}
    assert refused <= {"info", "config|get", "client|setinfo", "client|setname"}
