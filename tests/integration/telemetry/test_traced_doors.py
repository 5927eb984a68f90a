"""What comes in by HTTP, and what goes out to WhatsApp, to the bridge and to language models, as spans."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from oxyq.access.tokens import issue
from oxyq.answering import AiSettings, ModelChoice
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.local.serving import serving
from oxyq.gateways.outbound import OutboundText
from oxyq.organizations import demo_organization
from oxyq.process import running_workers
from oxyq.replies.ai import AiAnswer
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.traced_ai import TracedAi
from oxyq.replies.turn import Turn
from oxyq.settings import load_settings
from oxyq.telemetry.events import JobHandled, Telemetry
from oxyq.telemetry.traces import Traces
from tests.integration.engine.journal import Journal
from tests.integration.telemetry.kept_spans import Kept, is_child, trace_of

SHOP = demo_organization()
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
TEXT, NUMBER = "Que horas vocês abrem?", "5511987654321"


@pytest.fixture
async def app(redis_url: str, prefix: str, tmp_path: Path, traces: Traces) -> AsyncIterator[App]:
    """An installation that is traced, with one shop in it."""
    settings = load_settings(
        {
            "REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_JWT_SECRET": "s" * 32,
            "OXYQ_DATA_DIR": str(tmp_path),
        }
    )  # fmt: skip
    async with open_app(settings, Telemetry(traces)) as app:
        await app.organizations.save(SHOP)
        yield app


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A caller who may add jobs."""
    token = issue(app.settings, "tests", "owner", None)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(app)),
        base_url="http://oxyq.test",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


async def test_from_a_request_to_the_message_that_goes_out(app: App, client: httpx.AsyncClient, spans: Kept) -> None:
    """Who calls us with a trace finds the whole way in it."""
    told = Journal[object]()
    app.telemetry.listen(told.note)

    answer = await client.post(
        "/v1/automations",
        headers=CALLER,
        json={"automationId": "a-1", "organizationId": SHOP.id, "type": "reminder", "recipientNumber": NUMBER,
              "content": TEXT},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    async with running_workers(app, ["automation"]):
        await told.until(1, lambda event: isinstance(event, JobHandled) and event.outcome == "done")

    request, added = spans.the("POST /v1/automations"), spans.the("add automation.automation")
    worked, sent = spans.the("process automation"), spans.the("send whatsapp")
    assert f"{trace_of(request):032x}" == TRACE
    assert is_child(added, request)
    assert is_child(worked, added)
    assert is_child(sent, worked)
    assert (request.kind, sent.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert sent.attributes is not None
    assert (sent.attributes["oxyq.gateway"], sent.attributes["oxyq.message.kind"]) == ("simulator", "automation")
    assert TEXT not in spans.all_they_say
    assert NUMBER[2:] not in spans.all_they_say


async def test_a_request_goes_by_its_route_since_addresses_hold_numbers(client: httpx.AsyncClient, spans: Kept) -> None:
    answer = await client.get(f"/v1/jobs/message/msg-{NUMBER}?hint=secret")
    assert answer.status_code == 422

    span = spans.the("GET /v1/jobs/{queue}/{job_id}")
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 422
    assert span.status.status_code == StatusCode.UNSET
    assert NUMBER not in spans.all_they_say
    assert "secret" not in spans.all_they_say


@pytest.mark.parametrize(
    "headers",
    [{"traceparent": "x" * 9_000}, {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"}, {"traceparent": "\x80é"},
     {**CALLER, "tracestate": "a=" + "b" * 9_000}, {**CALLER, "baggage": ",".join("k%=\x80" for _ in range(200))}],
    ids=["long", "no trace", "no text", "state too long", "bad baggage"],
)  # fmt: skip
async def test_whatever_a_caller_says_of_a_trace_it_is_served(
    client: httpx.AsyncClient, spans: Kept, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    assert (await client.get("/v1/jobs/message/msg-1", headers=raw)).status_code == 404

    span = spans.the("GET /v1/jobs/{queue}/{job_id}")
    assert (span.parent is not None) == ("tracestate" in headers or "baggage" in headers)
    # Strangers write nothing into the log; an exporter of another test may be at its end.
    assert not [record for record in caplog.records if ".exporter" not in record.name]


async def test_the_board_goes_by_its_route_too_and_probes_are_left_out(client: httpx.AsyncClient, spans: Kept) -> None:
    await client.get("/admin/queues/queue/some-secret")
    await client.get("/health")
    await client.get("/ready")

    [span] = spans.exporter.get_finished_spans()
    assert span.name == "GET /admin/queues/queue/{queue}"


async def test_the_bridge_is_told_the_trace_and_nobody_else(traces: Traces, spans: Kept) -> None:
    heard: list[str | None] = []

    async def take(request: Request) -> JSONResponse:
        heard.append(request.headers.get("traceparent"))
        return JSONResponse({"acked": True, "id": "X"})

    async def bridge_of(_: str) -> str | None:
        return url

    async with (
        serving(Starlette(routes=[Route("/instances/{id}/messages", take, methods=["POST"])])) as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        gateway = BaileysGateway(bridge_of, key="bridge-key-of-32-characters-or-more", client=http)
        message = OutboundText(organization_id="o", instance_id="wa_1", recipient=NUMBER, text=TEXT, key="k")
        with traces.sending("baileys", "message", "wa_1"):
            await gateway.send(message)
        await gateway.send(message)

    sent = spans.the("send whatsapp")
    first, second = heard
    assert first is not None
    assert first.startswith(f"00-{trace_of(sent):032x}-{sent.context.span_id:016x}-")
    assert second is None


async def test_who_was_asked_and_what_it_took(traces: Traces, spans: Kept) -> None:
    """Of a language model: its names and its tokens, and never what was said."""

    class Model:
        async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
            return AiAnswer(TEXT, hands_off=False, tokens_in=120, tokens_out=30, model="llama-small")

    class Away:
        async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
            raise AiUnavailable(f"no language model answered: {TEXT}")

    settings = AiSettings(model=ModelChoice(provider="openai", model="llama"), prompt="x")
    turn = Turn(SHOP, NUMBER, (TEXT,))
    assert (await TracedAi(Model(), traces).answer(turn, settings)).text == TEXT
    with pytest.raises(AiUnavailable):
        await TracedAi(Away(), traces).answer(turn, settings)

    answered, failed = spans.named("ai answer")
    assert answered.attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "llama",
        "gen_ai.response.model": "llama-small", "gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30,
    }  # fmt: skip
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "AiUnavailable"
    assert TEXT not in spans.all_they_say
