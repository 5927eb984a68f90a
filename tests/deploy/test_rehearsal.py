"""The short rehearsal: what render.yaml starts, in the environment that the tests have. `make rehearse` builds one."""

import dataclasses
import sys
from pathlib import Path

import pytest

from tests.deploy import installation, render, story
from tests.deploy.__main__ import outside_of, redis_with_tls
from tests.deploy.service import ROOT
from tests.requirements import require


@pytest.mark.timeout(300)
def test_what_render_starts_answers_a_customer_lets_its_owner_in_and_ends_in_order(tmp_path: Path) -> None:
    require("bridge")
    path = f"{Path(sys.executable).parent}:{installation.SYSTEM_PATH}"
    told: list[str] = []
    # Given a Redis with TLS and a password, and what render.yaml sets
    with redis_with_tls(tmp_path) as server:
        outside = outside_of(server, tmp_path)
        services = render.services(outside)
        # When its commands are run
        ca = {"OXYQ_REDIS_CA_FILE": str(outside.redis_ca)}
        for service in services:
            if service.before:
                installation.run(service.before, path, ROOT, **service.environment, **ca)
        # Then all of it works
        story.play(services, outside, ROOT, path, told.append)
    assert len([line for line in told if "after SIGTERM, with 0" in line]) == len(services)


def test_a_service_that_does_not_come_up_is_told_with_what_it_said(tmp_path: Path) -> None:
    """Watches the rehearsal itself: one that cannot fail would show nothing."""
    with redis_with_tls(tmp_path) as server:
        outside = outside_of(server, tmp_path)
        api = dataclasses.replace(render.services(outside)[0], command=("bash", "-c", "echo no such thing; exit 7"))

        with pytest.raises(AssertionError, match=r"(?s)ended with 7.*no such thing"):
            story.play([api], outside, tmp_path, installation.SYSTEM_PATH, print)
