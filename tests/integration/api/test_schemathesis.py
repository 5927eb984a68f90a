"""Every route against its own OpenAPI page: whatever is sent, and whoever sends it, the answer is one it names.

Schemathesis makes requests that fit the page and such that do not, with the ids of things that exist and with others.
An answer of 5xx, a status or a header that the page does not name, or a body of another shape fails the test.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi import from_url
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from oxyq.access.tokens import issue
from oxyq.app import open_app
from oxyq.settings import load_settings
from tests.integration.api.payloads import AUTOMATION, CAMPAIGN, MESSAGE
from tests.integration.api.server_process import SECRET, ServerProcess
from tests.redis_server import RedisServer

Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"
ORGANIZATION: Final = "org_123"
NUMBER: Final = "5511999999999"
PREFIX: Final = "t-schemathesis"
NOBODY: Final = "http://127.0.0.1:1"
#: These call whoever a number's settings name, and the settings may be what was made here.
CALL_OTHERS: Final = ("/pair", "/logout", "DELETE /v1/instances/{instance_id}")
CHECKS: Final = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
LONG_RUN: Final = os.environ.get("OXYQ_TEST_FUZZ")
#: Who sends how many requests for each route that fit the page, or do not.
ASKED: Final = [
    ("owner", GenerationMode.POSITIVE, 4), ("owner", GenerationMode.NEGATIVE, 3),
    ("operator of one organization", GenerationMode.POSITIVE, 3),
    # Refused before anything is read, so one request of each route says it.
    ("viewer", GenerationMode.POSITIVE, 1), ("nobody", GenerationMode.POSITIVE, 1),
]  # fmt: skip

_SETTINGS: Final = load_settings({"OXYQ_JWT_SECRET": SECRET})
_HEADERS: Final[Mapping[str, dict[str, str]]] = {
    "owner": {"Authorization": f"Bearer {issue(_SETTINGS, 'ana', 'owner')}"},
    "operator of one organization": {"Authorization": f"Bearer {issue(_SETTINGS, 'bia', 'operator', ORGANIZATION)}"},
    "viewer": {"Authorization": f"Bearer {issue(_SETTINGS, 'caio', 'viewer', ORGANIZATION)}"},
    "nobody": {},
}


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for this file; whatever was sent to it, it logged no failure and no traceback, and ends in order."""
    server = ServerProcess(tmp_path_factory.mktemp("server"), redis_server.url, PREFIX, OXYQ_CLOUD_API_URL=NOBODY)
    server.start()
    yield server
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "http.failed" not in log


@pytest.fixture(scope="module")
def known(server: ServerProcess, redis_server: RedisServer) -> dict[str, str]:
    """One of each thing, by what it is called in addresses."""
    headers = {**_HEADERS["owner"]}
    with httpx.Client(base_url=server.url, headers=headers, timeout=10) as client:

        def made(method: str, path: str, body: Any = None, **content: Any) -> Any:
            answer = client.request(method, path, json=body, **content)
            assert answer.is_success, (path, answer.text)
            return answer.json() if answer.content else None

        query = f"?organizationId={ORGANIZATION}"
        made("PUT", f"/v1/organizations/{ORGANIZATION}", {"name": "Pet Shop"})
        made("PUT", f"/v1/instances/wa_1{query}", {"gateway": "cloud", "phoneNumberId": "1122"})
        made("POST", "/v1/campaigns?draft=true", {"campaignId": "c1", "organizationId": ORGANIZATION, "template": "Oi"})
        rows = {"content": f"number\n{NUMBER}\n", "headers": {"Content-Type": "text/csv"}}
        made("PUT", f"/v1/campaigns/c1/recipients{query}", **rows)
        made("POST", f"/v1/contacts/{NUMBER}/opt-out{query}")
        automation = {"type": "tip", "recipientNumber": NUMBER, "content": "Oi"}
        made("PUT", f"/v1/automation-schedules/s1{query}", {"cron": "0 9 * * 1", "automation": automation})
        made("POST", "/v1/automations?delay_ms=3600000", AUTOMATION)
        made("POST", "/v1/campaigns", CAMPAIGN)
        job = made("POST", "/v1/messages", MESSAGE)
        letter_id = asyncio.run(_dead_letter(redis_server, job["id"]))
        [scheduler, *_] = made("GET", "/v1/schedulers")["schedulers"]
    return {
        "queue": "message", "job_id": job["id"], "campaign_id": "c1", "number": NUMBER, "contact": NUMBER,
        "automation_id": "auto_001", "schedule_id": "s1", "scheduler_id": scheduler["id"], "instance_id": "wa_1",
        "instance": "wa_1", "gateway": "cloud", "name": "access_token", "organization_id": ORGANIZATION,
        "letter_id": letter_id,
    }  # fmt: skip


async def _dead_letter(redis_server: RedisServer, job_id: str) -> str:
    environ = {"REDIS_URL": redis_server.url, "OXYQ_REDIS_PREFIX": PREFIX, "OXYQ_JWT_SECRET": SECRET}
    async with open_app(load_settings(environ)) as app:
        return await app.producer.send_to_dlq(
            original_queue="message", original_job_id=job_id, failed_reason="by hand", data={},
            organization_id=ORGANIZATION,
        )  # fmt: skip


@pytest.fixture(scope="module")
def page(server: ServerProcess, known: dict[str, str]) -> BaseSchema:
    """The OpenAPI page, as everybody gets it."""
    return from_url(f"{server.url}/openapi.json")


@pytest.mark.timeout(0 if LONG_RUN else 120)
@pytest.mark.parametrize(("caller", "mode", "count"), ASKED)
def test_every_answer_is_one_that_the_page_names(
    page: BaseSchema, known: dict[str, str], caller: str, mode: GenerationMode, count: int
) -> None:
    operations = [result.ok() for result in page.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 90

    wrong, untried = list[str](), list[str]()
    for operation in operations:
        try:
            _try(operation, mode, _HEADERS[caller], known, int(LONG_RUN or count))
        except (Failure, FailureGroup) as failed:
            wrong.append(f"{operation.label}: {failed}")
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label
            untried.append(operation.label)  # it takes nothing that could be wrong
    assert not wrong, "\n\n".join(wrong)
    assert len(untried) < 20


def _try(
    operation: Operation, mode: GenerationMode, headers: dict[str, str], known: Mapping[str, str], count: int
) -> None:
    is_known = not any(part in operation.label for part in CALL_OTHERS)

    @settings(
        max_examples=count,
        derandomize=not LONG_RUN,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode), st.sampled_from((True, True, False)))
    def ask(case: "schemathesis.Case[Any]", of_what_exists: bool) -> None:
        if is_known and of_what_exists:
            case.path_parameters.update({name: known.get(name, given) for name, given in case.path_parameters.items()})
        case.headers.pop("Authorization", None)
        answer = case.call(headers=headers, timeout=10)
        # It says with 503 that no worker runs, and here none does.
        case.validate_response(answer, checks=CHECKS[1:] if operation.label == "GET /ready" else CHECKS)

    ask()
