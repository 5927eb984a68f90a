"""Addresses on the board: always relative, and nothing that a form sends back leads away from it."""

import pytest
from fastapi import Request

from oxyq.dashboard.visit import inside, page_of, relative


def request(path: str, root: str = "/admin/queues") -> Request:
    return Request({"type": "http", "method": "GET", "path": root + path, "root_path": root, "headers": [],
                    "query_string": b""})  # fmt: skip


@pytest.mark.parametrize(
    ("here", "page", "link"),
    [
        ("/", "", "./"),
        ("/", "queue/message", "./queue/message"),
        ("/campaigns", "queue/message", "./queue/message"),
        ("/queue/message", "campaigns", "../campaigns"),
        ("/queue/message/job/a", "", "../../../"),
    ],
)
@pytest.mark.parametrize("root", ["/admin/queues", "/x/admin/queues", ""])
def test_links_are_right_wherever_the_board_is_mounted(here: str, page: str, link: str, root: str) -> None:
    assert relative(request(here, root), page) == link


def test_what_is_none_is_left_out_of_the_query() -> None:
    assert relative(request("/"), "audit", by="ana & bia", before=None, limit=5) == "./audit?by=ana+%26+bia&limit=5"


@pytest.mark.parametrize("path", ["/queue/a b", '/queue/"><script>', "/queue/é", "/queue/a?b"])
def test_the_address_of_a_page_is_quoted(path: str) -> None:
    assert not set(page_of(request(path))) & set(' "<>é?')


@pytest.mark.parametrize(
    "given",
    [
        "",
        "campaigns",
        "queue/message?state=failed&text=a%20b",
        "queue/message/job/msg-1@x=~,:",
        "conversations/5511999998888",
    ],
)
def test_an_address_beneath_the_board_is_gone_back_to(given: str) -> None:
    assert inside(given, "otherwise") == given


@pytest.mark.parametrize(
    "given",
    [
        None, "/etc", "//evil.example", "https://evil.example", "\\\\evil.example", "a/../../../v1", "..", "a//b",
        "javascript:alert(1)", "campaigns\r\nX: y", "campaigns?a=<b>", "campaigns?a b", "a\x00", "?x=\\",
    ],
)  # fmt: skip
def test_every_other_address_is_not(given: str | None) -> None:
    assert inside(given, "otherwise") == "otherwise"
