"""Does what owners order by message: campaigns, the bot's silence, how things are."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from oxyq.errors import NotAllowed, NotFound
from oxyq.organizations import Organization
from oxyq.replies import owner_texts as texts
from oxyq.replies.campaign_commands import CampaignCommands, CampaignSummary
from oxyq.replies.owner_commands import CampaignVerb, Command, read_command
from oxyq.replies.owner_texts import status_text as status_text
from oxyq.replies.pending import Pending, Question, read_question

#: Which campaigns are meant when an owner names none.
_MEANT: Final[Mapping[CampaignVerb, Collection[str]]] = {
    "pause": ("planning", "running"),
    "resume": ("paused",),
    "cancel": ("scheduled", "planning", "running", "paused"),
    "report": ("planning", "running", "paused"),
}
#: Where an order leads: who orders it again hears that it was so already.
_LEADS_TO: Final[Mapping[CampaignVerb, Collection[str]]] = {
    "pause": ("paused",),
    "resume": ("planning", "running"),
    "cancel": ("cancelled",),
    "report": (),
}
_OPEN: Final = ("scheduled", "planning", "running", "paused")
#: More than that are named by their ids.
_LISTED: Final = 10
_LONGEST_SILENCE: Final = 7 * 24 * 60
#: Of 100, how alike a name must be to be asked about.
_ALIKE: Final = 60


class OwnerDesk:
    """Answers owners; an order that comes twice, because its job ran again, is done once and says so.

    `silence` is told until when an organization's bot says nothing (ms since 1970, 0 for no longer).
    """

    def __init__(
        self,
        campaigns: CampaignCommands,
        status: Callable[[], Awaitable[str]],
        silence: Callable[[str, int], Awaitable[None]],
        pending: Pending,
        now_ms: Callable[[], int],
    ) -> None:
        self._campaigns = campaigns
        self._status = status
        self._silence = silence
        self._pending = pending
        self._now_ms = now_ms

    async def answer(self, organization: Organization, owner: str, text: str) -> str:
        """Do what a message of an owner orders, and say what came of it; QueueUnavailable without Redis."""
        command = read_command(text)
        if command is None:
            return texts.HELP
        if command.verb in ("yes", "choose"):
            return await self._answered(command, organization.id, owner)
        # Whatever else an owner says, a "sim" after it means that, and not a question before it.
        await self._pending.drop(organization.id, owner)
        match command.verb:
            case "pause" | "resume" | "cancel" | "report" as verb:
                return await self._about_a_campaign(verb, command.campaign, organization.id, owner)
            case "status":
                return await self._status()
            case "list":
                return await self._list(organization.id)
            case "silence":
                return await self._fall_silent(organization, command.number)
            case "wake":
                await self._silence(organization.id, 0)
                return texts.AWAKE
            case "no":
                return texts.NOTHING_DONE
            case _:
                return texts.HELP

    async def _list(self, organization_id: str) -> str:
        found = [each for each in await self._campaigns.latest(organization_id) if each.state in _OPEN][:_LISTED]
        return "\n".join(map(texts.campaign_line, found)) or texts.NO_CAMPAIGNS

    async def _fall_silent(self, organization: Organization, minutes: int | None) -> str:
        wanted = organization.conversation.person_minutes if minutes is None else minutes
        now = self._now_ms()
        until = now + min(max(wanted, 1), _LONGEST_SILENCE) * 60_000
        await self._silence(organization.id, until)
        return texts.silent_text(until, now, organization.time_zone)

    # --- campaigns --------------------------------------------------------------------------------------------

    async def _about_a_campaign(self, verb: CampaignVerb, written: str, organization_id: str, owner: str) -> str:
        latest = await self._campaigns.latest(organization_id)
        if written:
            named = _named(latest, written) or await self._found(organization_id, written)
            if named is None:
                return await self._suggest(verb, written, latest, organization_id, owner)
            return await self._begin(verb, named, organization_id, owner)
        fitting = [each for each in latest if each.state in _MEANT[verb]] or list(
            latest[:1] if verb == "report" else ()
        )
        if len(fitting) > 1:
            fitting = fitting[:_LISTED]
            await self._ask(Question(verb=verb, options=[each.id for each in fitting]), organization_id, owner)
            return texts.which_text(verb, fitting)
        return await self._begin(verb, fitting[0], organization_id, owner) if fitting else texts.none_fits_text(verb)

    async def _suggest(
        self, verb: CampaignVerb, written: str, latest: Collection[CampaignSummary], organization_id: str, owner: str
    ) -> str:
        alike = _most_alike(latest, written)
        if alike is None:
            return texts.unknown_text(written)
        await self._ask(Question(verb=verb, options=[alike.id], chosen=alike.id), organization_id, owner)
        return texts.suggestion_text(written, verb, alike)

    async def _answered(self, command: Command, organization_id: str, owner: str) -> str:
        """What follows from "sim" or a number. The question stays open: a job that runs again finds it, too."""
        question = read_question(await self._pending.get(organization_id, owner))
        if question is None:
            return texts.NOTHING_TO_CONFIRM
        chosen = question.chosen
        if command.verb == "choose":
            place = command.number or 0
            if not 1 <= place <= len(question.options):
                return texts.choose_text(len(question.options))
            chosen = question.options[place - 1]
        if chosen is None:
            return texts.choose_text(len(question.options))
        campaign = await self._found(organization_id, chosen)
        if campaign is None:
            return texts.unknown_text(chosen)
        if command.verb == "choose":
            return await self._begin(question.verb, campaign, organization_id, owner, question.options)
        return await self._carry_out(question.verb, campaign, organization_id)

    async def _begin(
        self,
        verb: CampaignVerb,
        campaign: CampaignSummary,
        organization_id: str,
        owner: str,
        options: list[str] | None = None,
    ) -> str:
        """Do it, or ask first when it cannot be undone."""
        if verb != "cancel" or campaign.state not in _MEANT["cancel"]:
            return await self._carry_out(verb, campaign, organization_id)
        question = Question(verb=verb, options=options or [campaign.id], chosen=campaign.id)
        await self._ask(question, organization_id, owner)
        return texts.confirm_text(verb, campaign)

    async def _carry_out(self, verb: CampaignVerb, campaign: CampaignSummary, organization_id: str) -> str:
        control = self._campaigns
        act = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel, "report": control.find}[verb]
        try:
            # Also when it is so already: whoever did it may have died halfway.
            after = await act(organization_id, campaign.id)
        except NotAllowed:
            return texts.not_allowed_text(verb, campaign)
        except NotFound:
            return texts.unknown_text(campaign.id)
        return texts.done_text(verb, after, was_so=campaign.state in _LEADS_TO[verb])

    async def _found(self, organization_id: str, campaign_id: str) -> CampaignSummary | None:
        try:
            return await self._campaigns.find(organization_id, campaign_id)
        except NotFound:
            return None

    async def _ask(self, question: Question, organization_id: str, owner: str) -> None:
        await self._pending.put(organization_id, owner, question.model_dump_json())


def _named(campaigns: Collection[CampaignSummary], written: str) -> CampaignSummary | None:
    exact = next((each for each in campaigns if each.id == written), None)
    return exact or next((each for each in campaigns if each.id.casefold() == written.casefold()), None)


def _most_alike(campaigns: Collection[CampaignSummary], written: str) -> CampaignSummary | None:
    # Here and not above: 4 MB that only a process carries which needs it.
    from rapidfuzz import fuzz

    scored = [(fuzz.ratio(each.id.casefold(), written.casefold()), each) for each in campaigns]
    score, best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    return best if score >= _ALIKE else None
