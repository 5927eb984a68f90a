"""Answers by language models: the organization's first choice, then its fallback, in the time and tokens it allows."""

import asyncio
import contextlib
import importlib.util
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from oxyq.answering import AiSettings, ModelChoice
from oxyq.clock import now_ms
from oxyq.errors import ConfigurationError, QueueUnavailable
from oxyq.replies.ai import AiAnswer
from oxyq.replies.answer_text import sendable
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.token_usage import TokenUsage
from oxyq.replies.turn import Turn
from oxyq.telemetry.events import ModelAsked, Telemetry

if TYPE_CHECKING:
    from pydantic_ai.usage import RunUsage

    from oxyq.replies.ai_failures import Failure
    from oxyq.replies.assistant import Assistant
    from oxyq.replies.providers import Providers

#: Top-level names of what the extra `llm` brings.
_NEEDED: Final = ("pydantic_ai", "openai", "anthropic")


class LanguageModels:
    """An `Ai` by pydantic-ai, which is loaded when the first answer is asked for; `close` when all is over."""

    def __init__(
        self,
        openai_url: str,
        openai_key: str | None,
        anthropic_url: str,
        anthropic_key: str | None,
        usage: TokenUsage,
        *,
        clock_ms: Callable[[], int] = now_ms,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._addresses = (openai_url, openai_key, anthropic_url, anthropic_key)
        self._usage = usage
        self._clock_ms = clock_ms
        self._telemetry = telemetry or Telemetry()
        self._loading = asyncio.Lock()
        self._loaded: tuple[Assistant, Providers] | None = None

    async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
        """The answer to one turn, within `ai.timeout_seconds`.

        AiUnavailable when every model was busy, slow or away, ConfigurationError without the extra `llm`.
        What will not be better later (a wrong key, a refused text, garbage) hands the chat to a person.
        """
        assistant, providers = await self._load()
        if ai.daily_tokens is not None and await self._usage.today(turn.organization) >= ai.daily_tokens:
            return AiAnswer(None, hands_off=True, reason="daily_tokens_used")
        failures: list[Failure] = []
        choices = [ai.model, *([ai.fallback] if ai.fallback else [])]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ai.timeout_seconds
        for number, choice in enumerate(choices):
            # A first choice that hangs leaves half of the time to the fallback.
            seconds = (deadline - loop.time()) / (len(choices) - number)
            answer = await self._ask(assistant, providers, turn, ai, choice, seconds)
            if isinstance(answer, AiAnswer):
                return answer
            failures.append(answer)
        if any(failure.is_temporary for failure in failures):
            waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
            reasons = ", ".join(failure.reason for failure in failures)
            raise AiUnavailable(f"no language model answered: {reasons}", min(waits, default=None))
        return AiAnswer(None, hands_off=True, model=ai.model.model, reason=failures[0].reason)

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        if self._loaded is not None:
            await self._loaded[1].close()

    async def _ask(
        self,
        assistant: "Assistant",
        providers: "Providers",
        turn: Turn,
        ai: AiSettings,
        choice: ModelChoice,
        seconds: float,
    ) -> "AiAnswer | Failure":
        from pydantic_ai.usage import RunUsage

        from oxyq.replies.ai_failures import FAILURES, NOTHING_WRITTEN, failure_of

        usage, since, outcome = RunUsage(), time.monotonic(), "stopped"
        try:
            async with asyncio.timeout(seconds):
                written = await assistant.answer(turn, ai, providers.model(choice), usage)
            outcome = "answered"
        except FAILURES as error:
            failure = failure_of(error)
            outcome = failure.reason
            return failure
        finally:
            took = time.monotonic() - since
            self._telemetry.emit(ModelAsked(choice.provider, outcome, took, usage.input_tokens, usage.output_tokens))
            await self._count(turn, ai, usage)
        counts = (usage.input_tokens, usage.output_tokens, choice.model)
        if written.text is None:
            return AiAnswer(None, True, *counts, "model_called_a_person")
        text = sendable(written.text, is_cut=written.is_cut)
        return AiAnswer(text, False, *counts) if text else NOTHING_WRITTEN

    async def _count(self, turn: Turn, ai: AiSettings, usage: "RunUsage") -> None:
        # A server that does not tell is counted by what it may have written: a budget must end some time.
        tokens = usage.total_tokens + usage.unmeasured_requests * ai.answer_tokens
        if tokens:
            # An answer that was paid for is not thrown away because its tokens could not be counted.
            with contextlib.suppress(QueueUnavailable):
                await self._usage.add(turn.organization, tokens)

    async def _load(self) -> "tuple[Assistant, Providers]":
        async with self._loading:
            if self._loaded is None:
                # In a thread: it takes two seconds or more, and other jobs of this process have locks to renew.
                self._loaded = await asyncio.to_thread(self._load_now)
        return self._loaded

    def _load_now(self) -> "tuple[Assistant, Providers]":
        if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
            raise ConfigurationError(
                f"an organization has `ai` settings, but {', '.join(missing)} is not installed: "
                "run pip install 'oxyq[llm]', or take `ai` out of its settings"
            )
        from oxyq.replies.assistant import Assistant
        from oxyq.replies.providers import Providers

        return Assistant(self._clock_ms), Providers(*self._addresses)
