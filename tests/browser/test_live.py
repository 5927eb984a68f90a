"""A live page misses nothing, not even what happens while it is on its way to the browser."""

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import ORGANIZATION, Shop


def test_news_between_the_page_and_its_stream_is_shown(owner: Page, shop: Shop) -> None:
    # Given a page whose stream of events is held back
    held: list[Route] = []
    owner.route("**/events?*", lambda route: held.append(route))
    with owner.expect_request("**/events?*"):
        owner.goto(f"{shop.board}automations?organization={ORGANIZATION}")
    expect(owner.get_by_role("row")).to_have_count(0)

    # When something happens meanwhile, and then nothing more does
    shop.run(
        shop.app.producer.add_automation_job(
            automation_id="news", organization_id=ORGANIZATION, type="reminder", recipient_number="5511999998888",
            content="Oi", delay_ms=3_600_000,
        )
    )  # fmt: skip
    [stream] = held
    stream.continue_()

    # Then the page shows it by itself
    expect(owner.get_by_role("row", name="Lembrete")).to_be_visible()
