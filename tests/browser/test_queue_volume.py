"""The page of a queue with 300,000 failed jobs: small on the wire, and its rows are there at once."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Shop, Visitor, wire_bytes
from tests.volume import seed

JOBS = 300_000
MOST_BYTES = 60 * 1024
#: Rows are visible so soon, by the best of some loads. On a quiet machine it is a tenth of a second; a busy one says
#: little about the page.
ROWS_MS, LOADS = 500, 5

#: When the first row has a place on the page, in ms since its address was asked for.
ROWS_SEEN = """
new Promise((done) => {
  const look = () => {
    const row = document.querySelector("tbody tr");
    if (row && row.getBoundingClientRect().height > 0) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})
"""


@pytest.mark.timeout(180)
def test_a_list_among_300_000_is_small_and_there_at_once(shop: Shop, new_visitor: Callable[..., Visitor]) -> None:
    with shop.redis.client() as client:
        seed(client, shop.environment["OXYQ_REDIS_PREFIX"], "message", "failed", JOBS)
    owner = new_visitor().log_in()
    address = f"{shop.board}queue/message?state=failed"

    assert wire_bytes(owner, address) < MOST_BYTES
    owner.add_init_script(f"window.rowsSeen = {ROWS_SEEN.strip()};")
    times = []
    for _ in range(LOADS):
        owner.goto(address)
        times.append(owner.evaluate("window.rowsSeen"))
    assert min(times) < ROWS_MS

    owner.goto(f"{address}&organization=org_7")
    expect(owner.locator("tbody tr").first).to_be_visible()
    expect(owner.locator(".looking")).to_contain_text("Procurando")
    owner.get_by_role("link", name="Parar").click()
    expect(owner.locator(".looking")).to_contain_text("Busca parada")
    expect(owner.locator("tbody tr").first).to_be_visible()
    owner.get_by_role("link", name="Continuar").click()
    expect(owner.locator(".looking")).to_contain_text("Procurando")
