"""Whatever people write reaches WhatsApp as it was written, and what no text can hold is refused by its field."""

import pytest

from oxyq.app import App
from oxyq.errors import InvalidPayload
from oxyq.process import running_workers
from tests.faults.ends import until_all_is_done
from tests.faults.load import person, reminder
from tests.journeys.conftest import WhatsApp

TEXTS = {
    "accents, composed and not": "é e\u0301 ção c\u0327a\u0303o",
    "a family of four in one sign": "👨‍👩‍👧‍👦 🇧🇷 👍🏽",
    "from right to left": "مرحبا שלום \u202babc\u202c",
    "beyond the first plane": "𠮷野家 \U0001d538\U0001d553\U0001d554 𒀀",
    "invisible": "a\u200bb\u200cc\u200dd\u2060e\ufefff",
    "a hundred marks on one letter": "z" + "\u0300" * 100,
    "noncharacters and private signs": "\ufdd0 \U0010ffff \ue000",
    "lines and tabs": "a\n\tb\r\nc\u2028d\u0085e",
    "what other languages mean something by": "\"'\\{}%s $x {{}} <b> \\u0000 \\ud800",
}
REFUSED = {"NUL": "a\x00b", "half a character": "a\ud83db", "the other half": "\udc00"}


async def test_every_text_arrives_as_it_was_written(app: App, whatsapp: WhatsApp) -> None:
    # Given reminders of every kind
    for number, text in enumerate(TEXTS.values()):
        await app.producer.add_automation_job({**reminder(number), "content": text})

    # When they are sent
    async with running_workers(app, ["automation"]):
        received = await until_all_is_done(app, whatsapp, [person(number) for number in range(len(TEXTS))])

    # Then not a sign is another one
    texts = {message.to: message.text for message in received}
    assert {name: texts[person(number)] for number, name in enumerate(TEXTS)} == TEXTS


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
async def test_what_no_text_can_hold_is_refused_and_nothing_is_stored(app: App, text: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await app.producer.add_automation_job({**reminder(1), "content": text})

    assert refused.value.field == "content"
    assert (await app.queues["automation"].counts())["waiting"] == 0
