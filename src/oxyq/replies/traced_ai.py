"""Language models, each question to them followed."""

from typing import TYPE_CHECKING

from oxyq.answering import AiSettings
from oxyq.replies.ai import Ai, AiAnswer
from oxyq.replies.turn import Turn

if TYPE_CHECKING:  # loaded only when traces are on
    from oxyq.telemetry.traces import Traces


class TracedAi:
    """An `Ai` that tells `traces` who was asked, who answered, and what it took."""

    def __init__(self, ai: Ai, traces: "Traces") -> None:
        self._ai = ai
        self._traces = traces

    async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
        """What the other one answers or raises."""
        with self._traces.asking_model(ai.model.provider, ai.model.model) as asked:
            answer = await self._ai.answer(turn, ai)
            asked.counted(answer.model, answer.tokens_in, answer.tokens_out, answer.reason)
            return answer
