"""The board: all pages, wired, as an application of its own to be mounted."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from oxyq.access.tokens import Verifier, signing_secret
from oxyq.api.cursor import Cursors
from oxyq.api.errors import AWAY, ApiError, as_api_error
from oxyq.app import App
from oxyq.dashboard.assets import asset_routes
from oxyq.dashboard.entrance import BoardDoor, NotLoggedIn, chosen_language
from oxyq.dashboard.forms import Form
from oxyq.dashboard.live import Live, Topic
from oxyq.dashboard.login import Login
from oxyq.dashboard.pages.audit import AuditPage
from oxyq.dashboard.pages.automations import AutomationsPage
from oxyq.dashboard.pages.campaign import CampaignPage
from oxyq.dashboard.pages.campaign_draft import CampaignDraftPages
from oxyq.dashboard.pages.campaign_recipients import CampaignRecipientsPage
from oxyq.dashboard.pages.campaigns import CampaignsPage
from oxyq.dashboard.pages.conversation import ConversationPage
from oxyq.dashboard.pages.conversations import ConversationsPage
from oxyq.dashboard.pages.dead_letter import DeadLetterPage
from oxyq.dashboard.pages.dead_letters import DeadLettersPage
from oxyq.dashboard.pages.job import JobPage
from oxyq.dashboard.pages.new_job import NewJobPage
from oxyq.dashboard.pages.organization import OrganizationPage
from oxyq.dashboard.pages.organization_answers import OrganizationAnswersPage
from oxyq.dashboard.pages.organization_limits import OrganizationLimitsPage
from oxyq.dashboard.pages.organization_numbers import OrganizationNumbersPage
from oxyq.dashboard.pages.organization_opt_outs import OrganizationOptOutsPage
from oxyq.dashboard.pages.organization_settings import OrganizationSettingsPage
from oxyq.dashboard.pages.organizations import OrganizationsPage
from oxyq.dashboard.pages.overview import OverviewPage
from oxyq.dashboard.pages.queue import QueuePage
from oxyq.dashboard.pages.queue_control import QueueControlPages
from oxyq.dashboard.pages.schedules import SchedulesPage
from oxyq.dashboard.pages.sessions import SessionsPage
from oxyq.dashboard.pages.tasks import TaskPages
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, page_of, relative
from oxyq.errors import OxyqError
from oxyq.organizations import RecentOrganizations

MOUNTED_AT = "/admin/queues"
#: Smaller answers gain nothing by it.
COMPRESSED_FROM_BYTES = 800


def create_board(app: App, verifier: Verifier) -> FastAPI:
    """The ASGI application of the board over the parts in `app`."""
    board = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    pages = Pages()
    door = BoardDoor(
        app.sessions,
        app.audit,
        RecentOrganizations(app.organizations),
        trusted_proxies=app.settings.trusted_proxies,
    )
    login = Login(app, verifier, pages)
    overview = OverviewPage(app, pages)
    campaign = CampaignPage(app, pages)
    shown = (
        overview, JobPage(app, pages), NewJobPage(app, pages),
        QueuePage(app, pages), QueueControlPages(app, pages), TaskPages(app, pages),
        CampaignsPage(app, pages), campaign, CampaignDraftPages(app, pages, campaign),
        CampaignRecipientsPage(app, pages),
        ConversationsPage(app, pages), ConversationPage(app, pages),
        OrganizationsPage(app, pages), OrganizationPage(app, pages), OrganizationAnswersPage(app, pages),
        OrganizationLimitsPage(app, pages), OrganizationOptOutsPage(app, pages), OrganizationSettingsPage(app, pages),
        OrganizationNumbersPage(app, pages),
        DeadLettersPage(app, pages), DeadLetterPage(app, pages),
        AutomationsPage(app, pages), SchedulesPage(app, pages),
        AuditPage(app, pages, Cursors(signing_secret(app.settings))), SessionsPage(app, pages),
    )  # fmt: skip
    topics: dict[str, Topic] = {}
    for page in shown:
        topics |= page.topics()
    for routes in (
        asset_routes(),
        login.open_routes(),
        login.routes(door),
        Live(app.sessions, topics).routes(door),
        *(page.routes(door) for page in shown),
    ):
        board.include_router(routes)
    _answer_errors(board, app, pages)
    board.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM_BYTES, compresslevel=5)
    return board


def _answer_errors(board: FastAPI, app: App, pages: Pages) -> None:
    """Every refusal as a page that says what to do, or back on the page whose form was refused."""

    async def not_logged_in(request: Request, error: Exception) -> Response:
        if _is_asked_by_script(request):
            return Response(status_code=401)
        next_page = page_of(request) if request.method == "GET" else ""
        if next_page and request.url.query:
            next_page += f"?{request.url.query}"
        return RedirectResponse(relative(request, "login", next=next_page or None), 303)

    async def refused(request: Request, error: Exception) -> Response:
        refusal = as_api_error(error)
        visit: Visit | None = getattr(request.state, "visit", None)
        form: Form | None = getattr(request.state, "form", None)
        is_ours = refusal.status == 500 or refusal.code == AWAY
        if not is_ours and visit is not None and form is not None and form.optional("back") is not None:
            await app.sessions.flash(
                request.state.session_secret, "base.refused", problem=Problems(visit.say).told(refusal.message)
            )
            return visit.back(form.optional("back"))
        return _error_page(request, refusal, visit)

    def _error_page(request: Request, refusal: ApiError, visit: Visit | None) -> Response:
        language = chosen_language(request, None) if visit is None else visit.language
        template = "away.html" if refusal.code == AWAY else "error.html"
        response = pages.show_to_stranger(
            request, language, template, refusal.status, refusal=refusal, request_id=request.state.request_id
        )
        response.headers.update(refusal.headers)
        return response

    board.add_exception_handler(NotLoggedIn, not_logged_in)
    for kind in (ApiError, OxyqError, HTTPException, RequestValidationError, Exception):
        board.add_exception_handler(kind, refused)


def _is_asked_by_script(request: Request) -> bool:
    """Whether a script of ours asks, which wants a status and no page to log in on."""
    return request.headers.get("sec-fetch-dest") == "empty" or "text/event-stream" in request.headers.get("accept", "")
