"""What is wrong, said to a shop owner in his language: our errors are in English, for programs and logs."""

import re
from collections.abc import Sequence
from typing import Final

from oxyq.dashboard.words import Say

_IN_LINE: Final = re.compile(r"line (?P<line>\d+)(?:, column (?P<column>\d+))?: (?P<problem>.*)", re.DOTALL)
_FIELD: Final = re.compile(
    r"(?:template|recipients(?:\[0\])?(?:\.number)?|metaTemplate[.\w\[\]]*): (?P<problem>.*)", re.DOTALL
)
_ALL: Final = re.compile(r"(?P<problem>.*) \(and so it is with all recipients\)", re.DOTALL)
_RENDERED: Final = re.compile(r"as rendered for recipient (?P<who>.{1,80}?), (?P<problem>.*)", re.DOTALL)

#: How an error begins, and the words that say the same; what is named in it is put into them.
_SAYINGS: Final[Sequence[tuple[re.Pattern[str], str]]] = [
    (re.compile(beginning, re.DOTALL), key)
    for beginning, key in (
        # The text
        (r"\{\{(?P<name>\w+)\}\} has no value for recipient (?P<who>.{1,80}?);", "problems.no_value_for"),
        (r"\{\{(?P<name>\w+)\}\} has no value;", "problems.no_value"),
        (r"(?P<shown>['\"].*['\"]) is not a placeholder;", "problems.no_placeholder"),
        (r"(?P<shown>['\"].*['\"]) is not a choice of texts;", "problems.no_choice"),
        (r"must not be blank|is missing; fill it in", "problems.blank"),
        (r"has (?P<count>\d+) characters; (?:WhatsApp takes )?at most (?P<most>\d+)", "problems.too_long"),
        (r"has control characters", "problems.control_characters"),
        (r"is in the past", "problems.past"),
        (r"is more than 366 days ahead", "problems.too_far"),
        (r"is no name of a template", "problems.template_name"),
        (r"is no language as Meta writes it", "problems.template_language"),
        (r"is blank, which Meta refuses", "problems.parameter_blank"),
        (r"has a line break or a tab, which Meta refuses", "problems.parameter_lines"),
        (r"has more than 4 spaces in a row, which Meta refuses", "problems.parameter_spaces"),
        (r"is no variable name", "problems.variable_name"),
        # A job's fields
        (r"is missing; give", "problems.blank"),
        (r"must be a whole number|must be \d+ or", "problems.whole_number"),
        (r"must be a date and a time", "problems.time"),
        (r"is not JSON", "problems.not_json"),
        (r"must be (?:an object|text|a list)", "problems.shape"),
        (r"is not a known field", "problems.unknown_field"),
        (r"cannot be changed, since the job is known by it", "problems.fixed"),
        (r"somebody else has just changed it", "problems.changed_meanwhile"),
        (r"a job with this id was accepted before|.*: a job with this id was accepted before", "problems.id_taken"),
        (r"is not known here; check it, or make the organization first", "problems.no_organization"),
        # The list
        (r"names no column of numbers", "problems.no_number_column"),
        (r"is no header but a recipient", "problems.no_header"),
        (r"has only (?P<count>\d+) of the (?P<width>\d+) cells", "problems.few_cells"),
        (r"has a cell more than the (?P<width>\d+) columns", "problems.many_cells"),
        (r"opens a quote", "problems.open_quote"),
        (r"has text behind a closing quote", "problems.after_quote"),
        (r"is not UTF-8|has a NUL character", "problems.not_utf8"),
        (r"names (?P<shown>['\"].*['\"]), which is no variable name", "problems.column_name"),
        (r"names (?P<shown>['\"].*['\"]) a second time", "problems.column_twice"),
        (r"names (?P<shown>['\"].*['\"]), a second column of numbers", "problems.number_column_twice"),
        (r"has no name for this column", "problems.column_without_name"),
        (r"are an empty file|are none; give at least one number", "problems.empty_list"),
        (r"is one more than the", "problems.too_many_rows"),
        (r"the body has more than", "problems.too_big"),
        (r"campaign .* has other recipients already", "problems.other_list"),
        # Numbers
        (r"must have 8 to 15 digits", "problems.digits"),
        (r"has no area code", "problems.area_code"),
        (r"has an area code that Brazil does not have", "problems.no_such_area_code"),
        (r"does not exist in Brazil", "problems.not_brazilian"),
        (r"does not exist;", "problems.no_such_number"),
        (r"has other characters than digits", "problems.characters"),
        (r"must begin with the country code", "problems.country_code"),
        (r"is a group", "problems.group"),
        (r".*the number is not on WhatsApp|.* has no WhatsApp", "problems.not_on_whatsapp"),
        # What cannot be done as things stand
        (r".*only a job that has failed or completed can run again", "problems.only_ended"),
        (r".*only a delayed job", "problems.only_delayed"),
        (r".*only a job that has not run yet has a priority", "problems.only_waiting"),
        (r".*only a job that waits or has failed can be changed", "problems.only_waiting_or_failed"),
        (r".*a job that a worker runs is not removed", "problems.is_running"),
        (r".*only a job that a worker runs can be taken away", "problems.only_running"),
        (r".*it belongs to its campaign", "problems.of_campaign"),
        (r".*its campaign would stand still", "problems.runs_campaign"),
        (r".*it is the next run of the schedule", "problems.of_schedule"),
        (r".*it has children", "problems.has_children"),
        (r".*(?:has just|it is gone|waits or runs again already|meanwhile|by somebody else)", "problems.meanwhile"),
        (r"campaign .* failed for nobody", "problems.failed_for_nobody"),
        (r"campaign .* has no recipients yet", "problems.empty_list"),
        (r"campaign .* is accepted and not taken in yet", "problems.not_taken_in"),
        (r"campaign .* is \w+: ", "problems.campaign_state"),
        (r"organization .* is paused", "problems.organization_paused"),
        (r"the person has not written for 24 hours", "problems.window"),
        (r"task .* has ended already", "problems.task_ended"),
        (r"there is no (?:such )?", "problems.gone"),
        (r"Redis has used (?P<percent>\d+) % of its memory", "problems.memory_full"),
        (r"the organization has added all the jobs that its quota allows.* in (?P<seconds>\d+) s", "problems.quota"),
        (r"this concerns all organizations", "problems.whole_installation"),
        (r"the role \w+ may not", "problems.role"),
        (r"(?:the gateway gave no answer|no bridge has)", "problems.no_gateway"),
    )
]
_REASONS: Final = frozenset(("invalid", "duplicate", "opted_out", "capped", "removed"))


class Problems:
    """Says them in one language."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def told(self, problem: str) -> str:
        """An error of ours in the reader's words; as it is where nobody put it into words yet."""
        if found := _IN_LINE.match(problem):
            line, column, inner = int(found["line"]), found["column"], self.told(found["problem"])
            if column is None:
                return self._say("problems.in_line", line=line, problem=inner)
            return self._say("problems.in_column", line=line, column=int(column), problem=inner)
        if found := _FIELD.match(problem):
            return self.told(found["problem"])
        if found := _ALL.fullmatch(problem):
            return self._say("problems.all", problem=self.told(found["problem"]))
        if found := _RENDERED.match(problem):
            return self._say("problems.rendered", who=found["who"], problem=self.told(found["problem"]))
        for pattern, key in _SAYINGS:
            if found := pattern.match(problem):
                return self._say(key, **found.groupdict())
        return problem

    def reason(self, reason: str | None) -> str:
        """Why somebody was left out, or why it failed."""
        word, _, detail = (reason or "").partition(": ")
        if word not in _REASONS:
            return self.told(reason or "")
        name = self._say(f"problems.reason_{word}")
        return f"{name}: {self.told(detail)}" if detail else name
