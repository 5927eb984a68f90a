"""The page about settings, from `oxyq.settings`."""

from oxyq.settings import settings_markdown

_PAGE = """# Settings

Everything is set by environment variables, read once at start. A variable that is misspelt or out of bounds is refused
with the fix; all problems are told at once, and no secret is shown. `<QUEUE>` is `MESSAGE`, `AUTOMATION` or `CAMPAIGN`.

`OXYQ_ENV=production` refuses to start without `REDIS_URL` and `OXYQ_JWT_SECRET`, and on a Redis that loses jobs. What
an organization sets for itself is in [conversations](../how-to/conversations.md#settings-of-an-organization) and
[campaigns](../how-to/campaigns.md#when-it-may-go-out).

{table}
"""


def page() -> str:
    """The Markdown of the page."""
    return _PAGE.format(table=settings_markdown())
