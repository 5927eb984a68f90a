"""Filling templates: escaped by default, with the words, formats and links of whoever looks."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from oxyq.dashboard.assets import asset_address
from oxyq.dashboard.visit import Visit, relative_root
from oxyq.dashboard.words import LANGUAGES, TAGS, Language, speaker
from oxyq.masking import mask_json, mask_number, mask_numbers_in, mask_text
from oxyq.outcomes import JsonValue

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    # With none at all browsers send "Origin: null" with a form, which is refused as another site's.
    "Referrer-Policy": "same-origin",
}


class Pages:
    """Makes pages from templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("oxyq.dashboard"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        for name in ("number", "percent", "bytes", "duration", "ago", "time", "short_time", "day", "iso", "input_time"):
            self._environment.filters[name] = _formatted(name)
        self._environment.filters["when"] = _when
        self._environment.filters["phone"] = _masked(mask_number)
        self._environment.filters["private"] = _masked(mask_text)
        self._environment.filters["reason"] = _masked(mask_numbers_in)
        self._environment.filters["private_json"] = _private_json
        self._environment.filters["urlencode"] = _in_address
        self._environment.globals["languages"] = {language: TAGS[language] for language in LANGUAGES}

    def show(self, visit: Visit, template: str, status: int = 200, /, **values: object) -> Response:
        """The page for this visit; templates see `visit`, `say` and `link` too."""
        text = self._environment.get_template(template).render(
            visit=visit, say=visit.say, link=visit.link, asset=lambda name: visit.link(asset_address(name)),
            language=visit.language, tag=TAGS[visit.language], theme=visit.session.theme or "auto", **values,
        )  # fmt: skip
        # Somebody may have left half a character in Redis, which nothing can encode.
        return HTMLResponse(text.encode("utf-8", "replace"), status, HEADERS)

    def show_to_stranger(
        self, request: Request, language: Language, template: str, status: int = 200, /, **values: object
    ) -> Response:
        """A page for somebody who has not logged in."""
        root = relative_root(request)
        text = self._environment.get_template(template).render(
            say=speaker(language), asset=lambda name: root + asset_address(name), root=root, language=language,
            tag=TAGS[language], theme="auto", **values,
        )  # fmt: skip
        return HTMLResponse(text, status, HEADERS)


def _formatted(name: str) -> Callable[[Context, float | None], str]:
    @pass_context
    def formatted(context: Context, value: float | None) -> str:
        text: str = getattr(context["visit"].formats, name)(value)
        return text

    return formatted


@pass_context
def _when(context: Context, ms: int | None) -> Markup | str:
    """A time as it is read: how long ago, with the full time behind it."""
    formats = context["visit"].formats
    if not ms:
        text: str = formats.ago(ms)
        return text
    return Markup('<time datetime="{}" title="{}">{}</time>').format(formats.iso(ms), formats.time(ms), formats.ago(ms))


def _masked(mask: Callable[[str], str]) -> Callable[[Context, str | None], str]:
    @pass_context
    def masked(context: Context, value: str | None) -> str:
        return "" if value is None else value if context["visit"].is_revealed else mask(value)

    return masked


def _in_address(text: object) -> str:
    """As Jinja's own filter, but for half a character, which a job of others may hold, and which no address can."""
    return quote(str(text), safe="/", errors="replace")


@pass_context
def _private_json(context: Context, value: JsonValue) -> JsonValue:
    return value if context["visit"].is_revealed else mask_json(value)
