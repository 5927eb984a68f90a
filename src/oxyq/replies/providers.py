"""The makers of language models, each with one client for all organizations. Imports their SDKs: see llm.py."""

from typing import Final

import anthropic
import openai
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from oxyq.answering import ModelChoice
from oxyq.replies.bounded_bodies import bound_body

#: Servers of one's own take any key; without one the SDKs would look for one in the environment.
_NO_KEY: Final = "none"
_OPENAI_HOST: Final = "api.openai.com"


class Providers:
    """Makes models by their settings; `close` lets go of the connections."""

    def __init__(self, openai_url: str, openai_key: str | None, anthropic_url: str, anthropic_key: str | None) -> None:
        # No retries of the SDKs: the queue retries, later and without holding a worker.
        self._openai: Final = AsyncOpenAI(
            base_url=openai_url,
            api_key=openai_key or _NO_KEY,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [bound_body]}),
        )
        self._anthropic: Final = AsyncAnthropic(
            base_url=anthropic_url,
            api_key=anthropic_key or _NO_KEY,
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(event_hooks={"response": [bound_body]}),
        )

    def model(self, choice: ModelChoice) -> Model:
        """The model of this name; nobody is asked whether there is one."""
        if choice.provider == "anthropic":
            return AnthropicModel(choice.model, provider=AnthropicProvider(anthropic_client=self._anthropic))
        if self._openai.base_url.host == _OPENAI_HOST:
            return OpenAIChatModel(choice.model, provider=OpenAIProvider(openai_client=self._openai))
        compatible = OpenAICompatibleProvider("openai-compatible", openai_client=self._openai)
        return OpenAIChatModel(choice.model, provider=compatible)

    async def close(self) -> None:
        """Close the connections; harmless when repeated."""
        await self._openai.close()
        await self._anthropic.close()
