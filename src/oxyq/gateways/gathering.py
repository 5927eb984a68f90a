"""Gathering what a webhook tells, part by part: a bad part is noted, and spoils no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from oxyq.engine.json_text import decode_json
from oxyq.errors import InvalidPayload
from oxyq.gateways.inbound import Malformed
from oxyq.gateways.news import AnyNews, Dropped, News
from oxyq.gateways.wording import shown
from oxyq.outcomes import JsonValue


class Gathering:
    """News so far, and what was dropped, in their order."""

    def __init__(self) -> None:
        self._news: list[AnyNews] = []
        self._dropped: list[Dropped] = []

    def add(self, news: AnyNews) -> None:
        """One piece of news."""
        self._news.append(news)

    def drop(self, why: Literal["unknown", "another_number", "malformed", "ignored"], what: str) -> None:
        """A part that is not for us; `what` may be a stranger's word."""
        self._dropped.append(Dropped(why, shown(what, most=64)))

    @contextmanager
    def each(self, name: str) -> Iterator[None]:
        """Around one part: it is dropped when it is malformed."""
        try:
            yield
        except Malformed as error:
            self.drop("malformed", f"{name}: {error}")

    def told(self) -> News:
        """All of it."""
        return News(tuple(self._news), tuple(self._dropped))


def body_of(raw: bytes) -> dict[str, JsonValue]:
    """The JSON object in these bytes; raises InvalidPayload."""
    try:
        body = decode_json(raw)
    except (ValueError, RecursionError):
        raise InvalidPayload("body", "is not JSON that can be read; send a JSON object") from None
    if not isinstance(body, dict):
        raise InvalidPayload("body", "must be a JSON object")
    return body
