"""What a model is told: the rules, the business, the last of the chat, and tools that know whose they are."""

from collections.abc import Iterator

import pytest
from pydantic_ai import models
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from oxyq.answering import AiSettings, ModelChoice
from oxyq.organizations import FaqEntry, Organization
from oxyq.replies.assistant import MOST_HISTORY_CHARACTERS, MOST_PROMPT_CHARACTERS, Assistant, Written
from oxyq.replies.turn import Author, Line, Turn

AI = AiSettings(model=ModelChoice(provider="openai", model="small"), prompt="Consulta: {R$ 200}.", history_messages=3)
ORG = Organization(id="org_1", name="Clínica Sol", faq=[FaqEntry(questions=["tem wifi"], answer="Sim.")], ai=AI)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody is asked for real."""
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)
    yield


class Witness:
    """A model that says "ok" and remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[ModelMessage] = []
        self.info: AgentInfo | None = None
        self.model = FunctionModel(self._answer)

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.messages, self.info = messages, info
        return ModelResponse([TextPart("ok")])

    @property
    def chat(self) -> list[str]:
        """What was said, with `>` before what customers said."""
        return [
            f"{'>' if isinstance(message, ModelRequest) else ''}{part.content}"
            for message in self.messages
            for part in message.parts
            if isinstance(part, UserPromptPart | TextPart)
        ]


def line(author: Author, text: str) -> Line:
    return Line(author, text, 1)


async def told(turn: Turn, ai: AiSettings = AI) -> Witness:
    witness = Witness()
    assert await Assistant(lambda: 0).answer(turn, ai, witness.model, RunUsage()) == Written("ok", is_cut=False)
    return witness


async def test_the_rules_come_first_then_the_business() -> None:
    witness = await told(Turn(ORG, "c", ("oi",)))

    assert witness.info is not None and witness.info.instructions is not None
    rules, business = witness.info.instructions.split("Informações da empresa:")
    assert "Clínica Sol" in rules and "hand_off" in rules
    assert business.strip() == "Consulta: {R$ 200}."


async def test_only_the_last_of_the_chat_is_told() -> None:
    history = tuple(line("them" if number % 2 else "us", f"{number}") for number in range(10))

    assert (await told(Turn(ORG, "c", ("oi", "tudo?"), history=history))).chat == [">7", "8", ">9", ">oi\ntudo?"]


async def test_people_and_we_are_one_side_of_the_chat() -> None:
    history = (line("us", "olá"), line("person", "aqui é a Ana"), line("them", "oi Ana"))

    assert (await told(Turn(ORG, "c", ("?",), history=history))).chat == [
        ">(início da conversa)", "olá\naqui é a Ana", ">oi Ana", ">?"
    ]  # fmt: skip


async def test_no_history_is_no_history() -> None:
    history = (line("them", "segredo"),)

    witness = await told(Turn(ORG, "c", ("oi",), history=history), AI.model_copy(update={"history_messages": 0}))

    assert witness.chat == [">oi"]


async def test_endless_texts_are_bounded() -> None:
    history = tuple(line("them", "x" * (MOST_HISTORY_CHARACTERS // 2)) for _ in range(3))

    *before, last = (await told(Turn(ORG, "c", ("y" * 4096,) * 10, history=history))).chat

    assert len("".join(before)) <= MOST_HISTORY_CHARACTERS + 10
    assert len(last) == MOST_PROMPT_CHARACTERS + 1


async def test_each_tool_works_for_the_organization_of_the_turn() -> None:
    """pydantic-ai's own test model calls every tool with made-up arguments."""
    usage = RunUsage()

    written = await Assistant(lambda: 0).answer(Turn(ORG, "c", ("oi",)), AI, TestModel(), usage)

    assert written == Written('{"look_up_faq":[],"now":"quarta-feira, 31/12/1969, 21:00"}', is_cut=False)
    assert usage.tool_calls == 2
