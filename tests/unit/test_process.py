"""What nobody waits for is told, and ends nothing."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from oxyq.process import hear_stray_errors
from oxyq.telemetry.events import Event, ProcessNews, StrayError, Telemetry

RUN = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@pytest.fixture
def broken_logging() -> Iterator[None]:
    """A handler of the root logger that raises, as one whose disk is full may."""

    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise OSError("no space left on device")

    handler = Broken()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


@pytest.mark.usefixtures("broken_logging")
@pytest.mark.parametrize("run", RUN.values(), ids=RUN)
def test_what_raises_in_the_loop_is_told_without_its_words_and_a_broken_logger_ends_nothing(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    told: list[Event] = []

    async def process() -> None:
        # Given a process that hears what nobody waits for
        telemetry = Telemetry()
        telemetry.listen(told.append)
        hear_stray_errors(telemetry)

        # When something raises that holds what a customer wrote
        def stray() -> None:
            raise ValueError("o PIN é 1234")

        asyncio.get_running_loop().call_soon(stray)
        await asyncio.sleep(0.01)
        told.append(ProcessNews("the process goes on"))

    run(process())

    stray, news = told
    assert isinstance(stray, StrayError)
    assert stray.kind == "ValueError"
    assert stray.where is not None
    assert "in stray" in stray.where
    assert "PIN" not in repr(stray)
    assert news == ProcessNews("the process goes on")


@pytest.mark.parametrize(
    "error", [RuntimeError(), MemoryError(), RecursionError(), asyncio.CancelledError(), SystemExit(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_listener_of_the_telemetry_may_raise_whatever_it_likes(error: BaseException) -> None:
    telemetry, heard = Telemetry(), list[Event]()

    def broken(event: Event) -> None:
        raise error

    telemetry.listen(broken)
    telemetry.listen(heard.append)

    telemetry.emit(ProcessNews("all is well"))

    assert heard == [ProcessNews("all is well")]
