"""Fixed answers of an organization: the first rule that fits a turn. Literals only, so no tenant can slow us down."""

from collections.abc import Iterable
from functools import lru_cache

from oxyq.answering import Rule
from oxyq.replies.plain_text import plain
from oxyq.replies.turn import Turn

#: Triggers are few and asked for with every message.
_plain_trigger = lru_cache(maxsize=4096)(plain)


def first_fit(rules: Iterable[Rule], turn: Turn) -> Rule | None:
    """The first rule that one of the messages, or what was chosen, triggers."""
    written = [(text.strip(), plain(text)) for text in turn.texts]
    return next((rule for rule in rules if _fits(rule, written, turn.reply_id)), None)


def _fits(rule: Rule, written: list[tuple[str, str]], reply_id: str | None) -> bool:
    return (
        reply_id in rule.reply_ids
        or any(_is_whole(trigger, *message) for trigger in rule.messages for message in written)
        or any(_holds(trigger, words) for trigger in rule.words for _, words in written)
    )


def _is_whole(trigger: str, text: str, words: str) -> bool:
    # As it stands too: "👍" has no words.
    return trigger.strip() == text or (_plain_trigger(trigger) == words != "")


def _holds(trigger: str, words: str) -> bool:
    phrase = _plain_trigger(trigger)
    return phrase != "" and f" {phrase} " in f" {words} "
