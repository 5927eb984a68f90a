"""The HTTP application: all routes, wired."""

from typing import Any

from fastapi import FastAPI

from oxyq.access.tokens import Verifier, signing_secret
from oxyq.api.access import Access
from oxyq.api.audit import AuditRoutes
from oxyq.api.automation_schedules import Schedules
from oxyq.api.automations import Automations
from oxyq.api.campaign_checks import CampaignChecks
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.campaign_recipients import CampaignRecipients
from oxyq.api.campaigns import Campaigns
from oxyq.api.contacts import Contacts
from oxyq.api.conversations import Conversations
from oxyq.api.cursor import Cursors
from oxyq.api.dead_letters import DeadLetterRoutes
from oxyq.api.docs_page import OPENAPI_PATH, docs_routes
from oxyq.api.drafts import Drafts
from oxyq.api.errors import answer_errors
from oxyq.api.guard import Guard
from oxyq.api.handles import Handles
from oxyq.api.health import HealthChecks
from oxyq.api.instances import InstanceRoutes
from oxyq.api.intake import Intake
from oxyq.api.job_actions import JobActionRoutes
from oxyq.api.job_status import JobLookup
from oxyq.api.json_answer import JsonAnswer
from oxyq.api.metrics import MetricsRoutes
from oxyq.api.openapi import add_body_schemas
from oxyq.api.opt_outs import OptOuts
from oxyq.api.organization_usage import OrganizationUsageRoutes
from oxyq.api.organizations import Organizations
from oxyq.api.overview import OverviewRoutes
from oxyq.api.people import People
from oxyq.api.queues import QueueRoutes
from oxyq.api.schedulers import SchedulerRoutes
from oxyq.api.sessions import SessionRoutes
from oxyq.api.statistics import StatisticsRoutes
from oxyq.api.tasks import TaskRoutes
from oxyq.api.traced import Traced
from oxyq.api.webhooks import Webhooks
from oxyq.app import App
from oxyq.dashboard.board import MOUNTED_AT, create_board
from oxyq.dashboard.front_door import front_door_routes
from oxyq.queues import DEAD_LETTER

TITLE = "Oxyq"
DESCRIPTION = """The queue backbone of a WhatsApp business platform.

Every error is `{"error": {"code", "message", "field"?, "problems"?, "requestId"}}`.
After 202 the job is in Redis. After 5xx, or no answer at all, send the same request again: it will be one job.

What belongs to another organization than the token's is not found. Times are milliseconds since 1970.
"""


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            add_body_schemas(super().openapi())
        return super().openapi()


def create_api(app: App, health: HealthChecks | None = None) -> FastAPI:
    """The ASGI application over the parts in `app`; raises ConfigurationError when there is no secret for tokens.

    `health`: what is asked of more than this app.
    """
    api = _Api(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        # A redirect would be built from the Host header, which anyone may forge.
        redirect_slashes=False,
        default_response_class=JsonAnswer,
    )
    verifier = Verifier.of(app.settings)
    access = Access(verifier, app.revocations, app.audit, trusted_proxies=app.settings.trusted_proxies)
    shown = {name: queue for name, queue in app.queues.items() if name != DEAD_LETTER}
    campaigns = CampaignLookup(app)
    cursors, handles = Cursors(signing_secret(app.settings)), Handles(signing_secret(app.settings))
    drafts = Drafts(app, campaigns)
    for routes in (
        (health or HealthChecks(app)).routes(),
        MetricsRoutes(app).routes(),
        Intake(app.producer, drafts).routes(access),
        JobLookup(shown).routes(access),
        JobActionRoutes(app).routes(access),
        Campaigns(app, campaigns, cursors).routes(access),
        CampaignRecipients(app, campaigns, cursors).routes(access),
        CampaignChecks(app, campaigns, drafts).routes(access),
        drafts.routes(access),
        Contacts(app, campaigns, handles).routes(access),
        People(app, handles).routes(access),
        Conversations(app, cursors, handles).routes(access),
        Automations(app.waiting_automations, app.automation_control, campaigns).routes(access),
        Schedules(app.automation_schedules, campaigns).routes(access),
        InstanceRoutes(app, campaigns).routes(access),
        Organizations(app, cursors).routes(access),
        OrganizationUsageRoutes(app, cursors).routes(access),
        OptOuts(app, campaigns, cursors, handles).routes(access),
        DeadLetterRoutes(app, cursors).routes(access),
        SchedulerRoutes(app, cursors).routes(access),
        OverviewRoutes(app).routes(access),
        QueueRoutes(app, cursors).routes(access),
        TaskRoutes(app, cursors).routes(access),
        StatisticsRoutes(app).routes(access),
        AuditRoutes(app.audit, cursors).routes(access),
        SessionRoutes(app.sessions).routes(access),
        Webhooks(app.instances, app.gateways, app.receiver).routes(),
        docs_routes(TITLE),
        front_door_routes(),
    ):
        api.include_router(routes)
    api.mount(MOUNTED_AT, create_board(app, verifier))
    answer_errors(api)
    api.add_middleware(Guard)
    if app.telemetry.traces is not None:
        api.add_middleware(Traced, traces=app.telemetry.traces)
    return api
