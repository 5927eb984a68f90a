"""A language model whose answer never ends: it is given up before it fills the memory, and a person is asked."""

import asyncio

import pytest

from oxyq.answering import AiSettings
from oxyq.organizations import demo_organization
from oxyq.replies.llm import LanguageModels
from oxyq.replies.token_usage import TokenUsage
from oxyq.replies.turn import Turn
from tests.integration.gateways.conftest import listening
from tests.integration.replies.conftest import usage

__all__ = ["usage"]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = b"10000\r\n" + b" " * 65_536 + b"\r\n"
#: What may lie in the buffers of both sides when ours stops to read.
MOST_BYTES = 32 * 1024 * 1024


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_only_the_beginning_is_read_and_a_person_is_asked(usage: TokenUsage, provider: str) -> None:
    # Given a model that writes as fast as it is read
    written, left = 0, asyncio.Event()

    async def write_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        try:
            while True:
                writer.write(PIECE)
                await writer.drain()
                written += len(PIECE)
        finally:
            left.set()

    settings = {"model": {"provider": provider, "model": "local"}, "prompt": "Uma loja.", "timeoutSeconds": 20}
    async with listening(write_for_ever) as url:
        models = LanguageModels(f"{url}/v1", "key", url, "key", usage)

        # When it is asked
        turn = Turn(demo_organization(), "5511999990001", ("vocês têm vaga?",))
        answer = await models.answer(turn, AiSettings.model_validate(settings))

        # Then what it wrote is no answer, and it is left alone
        await asyncio.wait_for(left.wait(), 10)
        await models.close()
    assert (answer.text, answer.hands_off, answer.reason) == (None, True, "garbage")
    assert written < MOST_BYTES
