"""Deny by default: whoever adds a route says who may pass, or it is found here."""

import httpx
import pytest
from fastapi import FastAPI

from oxyq.api.guard import SAFE_METHODS
from tests.route_table import Served, served

BOARD = "/admin/queues"
METRICS = {"/metrics", "/metrics/scaling"}
#: Webhooks bring a proof of their own, and readers of metrics a token of theirs.
OPEN = {
    "/health", "/health/redis", "/health/queues", "/ready", "/ready/intake", "/docs", "/openapi.json",
    "/webhooks/{gateway}/{instance}", "/webhooks/cloud/{instance}",
    *METRICS,
    "/", BOARD, f"{BOARD}/login", f"{BOARD}/static/{{version}}/{{name}}",
}  # fmt: skip
#: What takes a body and changes nothing (add yours); `choose` is about how one's own session is shown.
LOOKS = {
    ("POST", "/v1/campaigns/preview"),
    ("POST", "/v1/organizations/{organization_id}/faq/try"),
    ("POST", f"{BOARD}/organizations/{{organization_id}}/answers/try"),
    ("POST", f"{BOARD}/choose"),
}
#: What viewers may do too.
ANYBODYS = {f"{BOARD}/logout", f"{BOARD}/sessions/{{session_id}}/end"}


@pytest.fixture
def closed(api: FastAPI) -> list[Served]:
    """Everything that not everybody may have."""
    return [route for route in served(api) if route.path not in OPEN]


def test_the_table_is_seen_whole(api: FastAPI, closed: list[Served]) -> None:
    """Given FastAPI changes how it keeps routes, this fails before the next tests pass for nothing."""
    assert {route.path for route in served(api)} >= OPEN
    table = {(route.method, route.path) for route in closed}
    assert {
        (m.upper(), path) for path, item in api.openapi()["paths"].items() for m in item if path not in OPEN
    } <= table
    assert sum(route.path.startswith(BOARD) for route in closed) > 3


def test_every_route_says_who_may_pass(closed: list[Served]) -> None:
    for route in closed:
        assert "authenticated" in route.checks, f"{route.method} {route.path} lets everybody in"
        permissions = [check for check in route.checks if check.startswith("may_")]
        assert len(permissions) == 1, f"{route.method} {route.path} is made with neither look() nor deed()"


def test_every_route_that_changes_something_is_in_the_audit(closed: list[Served]) -> None:
    for route in closed:
        deeds = [check for check in route.checks if check.startswith("audited_")]
        # Who takes numbers out by a look is in it too.
        if route.method not in SAFE_METHODS and (route.method, route.path) not in LOOKS:
            assert len(deeds) == 1, f"{route.method} {route.path} changes something, and is not in the audit"
            assert deeds[0].removeprefix("audited_").count(".") == 1, f"{deeds[0]} is not of the form thing.verb"
            may_viewers = "may_look" in route.checks
            assert not may_viewers or route.path in ANYBODYS, f"{route.path} may be done by viewers"


def test_metrics_are_for_their_readers(api: FastAPI) -> None:
    found = [route for route in served(api) if route.path.startswith("/metrics")]

    assert {route.path for route in found} == METRICS
    assert all("is_metrics_reader" in route.checks for route in found)


async def test_without_a_token_the_api_answers_nothing(closed: list[Served], client: httpx.AsyncClient) -> None:
    for route in closed:
        if route.path.startswith("/v1/"):
            answer = await client.request(route.method, route.address, json={"organizationId": "org_1"})
            assert (route, answer.status_code) == (route, 401)
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_without_a_session_the_board_answers_nothing(closed: list[Served], client: httpx.AsyncClient) -> None:
    for route in closed:
        if route.path.startswith(BOARD):
            answer = await client.request(route.method, route.address, data={"back": "tasks"})
            assert (route, answer.status_code) == (route, 303)
            assert answer.headers["location"].partition("?")[0].endswith("login")
            assert answer.content == b""
