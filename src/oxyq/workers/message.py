"""An incoming message: bring it into its chat, decide what the chat is answered, send it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from oxyq.contacts import ContactStore
from oxyq.conversations import turns
from oxyq.conversations.entry import Answer, Entry, HistoryLine, Turn
from oxyq.conversations.hand_over import HandOver
from oxyq.conversations.identity import Identities, addresses
from oxyq.conversations.store import ConversationStore, Place
from oxyq.errors import ConfigurationError
from oxyq.gateways.outbound import OutboundText
from oxyq.jobs import InboundMessage
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Later, Outcome
from oxyq.replies import opt_out
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.owner import OwnerDesk
from oxyq.replies.router import Reply, Route, Router
from oxyq.replies.turn import Line
from oxyq.replies.turn import Turn as Asked
from oxyq.sending.message_keys import turn_key
from oxyq.sending.sender import Kept, LostJob, OrganizationPaused, Sender, Sent, Unconfirmed, sent_value
from oxyq.workers.runner import Task
from oxyq.workers.thinking import Thinking

#: For so long a language model may be away before a person is asked; until then the answer only comes late.
AI_PATIENCE_SECONDS: Final = 180
_AI_PAUSES_SECONDS: Final = (2, 5, 10, 20, 30)


class MessageHandler:
    """Answers chats, one turn at a time; `owners` does what owners ask for, `router` answers everybody else."""

    def __init__(
        self,
        sender: Sender,
        contacts: ContactStore,
        identities: Identities,
        conversations: ConversationStore,
        router: Router,
        owners: OwnerDesk,
        thinking: Thinking,
        hand_over: HandOver,
        now_ms: Callable[[], int],
    ) -> None:
        self._sender = sender
        self._contacts = contacts
        self._identities = identities
        self._conversations = conversations
        self._router = router
        self._owners = owners
        self._thinking = thinking
        self._hand_over = hand_over
        self._now_ms = now_ms

    async def __call__(self, task: Task) -> Outcome:
        """Bring one message into its chat, and answer all that waits there if it is this job's turn."""
        message, organization = task.payload, task.organization
        assert isinstance(message, InboundMessage)  # noqa: S101 - the runner's table chose us by type
        if message.is_group:
            return Done({"status": "group"})
        known = addresses(message.sender, message.lid, message.bsuid)
        place = Place(organization.id, message.instance_id, await self._identities.contact(organization.id, known))
        # At once, whoever's turn it is: the campaign that is running must not reach them any more.
        await self._heed(message.content, message.sender, message.job_id(), organization)
        turn = await self._conversations.join(task.job, place, message, organization.conversation, known[0])
        if not isinstance(turn, Turn):
            return Done({"status": turn})  # seen before, or joined to the turn that another job has
        if organization.is_paused:  # before anybody thinks of an answer
            raise OrganizationPaused(f"organization {organization.id} is paused")
        return await self._take(task, place, turn)

    async def _take(self, task: Task, place: Place, turn: Turn) -> Outcome:
        organization, settings = task.organization, task.organization.conversation
        is_owner = organization.is_owner(turn.entries[0].sender)
        entries = turns.answered(turn) if turn.answer else turns.batch(turn.entries, is_owner=is_owner)
        is_command = is_owner or turns.wish(entries[0].text, is_owner=False) is not None
        if (
            not turn.answer
            and not is_command
            and (due := turns.due_ms(entries, turn.first_ms, settings)) > self._now_ms()
        ):
            return Later(due, "quiet")
        if not is_command and turns.is_stale(entries, settings, self._now_ms()):
            return await self._end_silent(task, place, entries, "stale")
        if turn.answer and not is_command and turn.silent_until_ms > self._now_ms():
            return await self._end_silent(task, place, entries, "person")  # who took over while it waited to go out
        answer = turn.answer or await self._answer(task, place, turn, entries, is_owner=is_owner)
        return await self._say(task, place, entries, answer) if isinstance(answer, Answer) else answer

    # --- deciding ------------------------------------------------------------------------------------------

    async def _answer(
        self, task: Task, place: Place, turn: Turn, entries: tuple[Entry, ...], *, is_owner: bool
    ) -> Answer | Outcome:
        """What the turn is answered, kept for whoever goes on with it; or how it ends without an answer."""
        try:
            reply = await self._decide(task, place, turn, entries, is_owner=is_owner)
        except (AiUnavailable, ConfigurationError) as error:
            return await self._later(place, turn, error)
        if reply is None:
            return Later(self._now_ms(), "somebody wrote meanwhile")
        if not isinstance(reply, Reply):
            return await self._end_silent(task, place, entries, reply)
        answer = Answer(
            text=reply.text,
            route=reply.route,
            # Who only asked what nobody has written down yet may well ask something else that we know.
            hands_off=reply.hands_off and reply.reason != "unanswered",
            digests=[entry.digest for entry in entries],
            key=turn_key(task.job.id, turn.given),
        )
        is_command = reply.route in ("owner", "opt_out")
        committed = await self._conversations.commit(
            task.job, place, turn, answer, is_final=is_command or turn.is_worn, whoever_took_over=is_command,
        )  # fmt: skip
        match committed:
            case "kept":
                return answer
            case "newer":
                return Later(self._now_ms(), "somebody wrote meanwhile")
            case "person":
                return await self._end_silent(task, place, entries, "person")
            case "fenced":
                raise LostJob(f"{task.job.id} was given to another worker, which answers instead")

    async def _decide(
        self, task: Task, place: Place, turn: Turn, entries: tuple[Entry, ...], *, is_owner: bool
    ) -> Reply | Route | None:
        """The reply; the route alone when there is silence; None when somebody wrote before it was found."""
        organization, newest = task.organization, entries[-1]
        if turns.wish(newest.text, is_owner=is_owner) is not None:
            text = await self._heed(newest.text, newest.sender, newest.job_id, organization)
            if text is not None:
                return Reply(text, "opt_out") if text else "opt_out"
        if is_owner:
            return Reply(await self._owners.answer(organization, newest.sender, newest.text), "owner")
        if turn.silent_until_ms > self._now_ms():
            return "person"
        asked = Asked(
            organization=organization,
            contact=place.contact,
            texts=tuple(entry.text for entry in entries),
            reply_id=newest.reply_id,
            history=tuple(Line(line.author, line.text, line.at) for line in turn.history),
        )
        is_hopeless = self._now_ms() - turn.first_ms > AI_PATIENCE_SECONDS * 1000
        answering = asyncio.ensure_future(self._router.answer(asked, last_chance=is_hopeless))
        reply = await self._thinking.until(answering, place, turn, newest)
        if reply is not None and reply.route == "hand_off" and _was_said_last(turn.history, reply.text):
            return "hand_off"  # they wait for a person already, and were told so
        return reply

    async def _later(self, place: Place, turn: Turn, error: AiUnavailable | ConfigurationError) -> Later:
        await self._conversations.tried(place)
        asked_for = error.retry_after_seconds if isinstance(error, AiUnavailable) else None
        pause = asked_for or _AI_PAUSES_SECONDS[min(turn.tries, len(_AI_PAUSES_SECONDS) - 1)]
        return Later(self._now_ms() + round(min(pause, AI_PATIENCE_SECONDS) * 1000), str(error))

    async def _heed(self, text: str, sender: str, job_id: str, organization: Organization) -> str | None:
        """Do what a person wishes about campaigns; the answer, "" for silence, None when it was no such wish."""
        wish = turns.wish(text, is_owner=organization.is_owner(sender))
        who, said = (organization.id, sender), {"source": job_id, "words": text}
        match wish:
            case None:
                return None
            case "in":
                return opt_out.CONFIRMED_IN if await self._contacts.opt_in(*who, **said) else None
            case "perhaps_out" if not await self._contacts.was_reached(*who):
                return opt_out.WHICH_ONE
            case _:
                # Confirmed once; who says it again has been heard.
                return opt_out.CONFIRMED_OUT if await self._contacts.opt_out(*who, **said) else ""

    # --- answering -----------------------------------------------------------------------------------------

    async def _say(self, task: Task, place: Place, entries: Sequence[Entry], answer: Answer) -> Outcome:
        message = OutboundText(
            organization_id=place.organization_id,
            instance_id=place.instance_id,
            recipient=entries[-1].sender,
            text=answer.text,
            key=answer.key,
        )
        sent = await self._sender.send(task.job, message, task.organization, kind="message")
        ours = HistoryLine(
            author="us", text=answer.text, at=self._now_ms(), id=answer.key, route=answer.route, job_id=task.job.id
        )
        return await self._end(task, place, entries, answer.route, sent, ours, hands_off=answer.hands_off)

    async def _end_silent(self, task: Task, place: Place, entries: Sequence[Entry], route: Route) -> Outcome:
        """End a turn without an answer; what came too late is handed to a person."""
        return await self._end(task, place, entries, route, None, None, hands_off=route == "stale")

    async def _end(
        self,
        task: Task,
        place: Place,
        entries: Sequence[Entry],
        route: Route,
        sent: Sent | Unconfirmed | Kept | None,
        ours: HistoryLine | None,
        *,
        hands_off: bool,
    ) -> Outcome:
        organization, settings = task.organization, task.organization.conversation
        theirs = [
            HistoryLine(author="them", text=entry.text, at=entry.at, id=entry.message_id, job_id=entry.job_id)
            for entry in entries
        ]
        finished = await self._conversations.finish(
            task.job, place, entries, [*theirs, ours] if ours else theirs, settings,
            silent_until_ms=self._now_ms() + settings.person_minutes * 60_000 if hands_off else None,
            is_waiting=hands_off or route == "hand_off",
        )  # fmt: skip
        if finished.tell_a_person:
            await self._hand_over.tell(organization, place, entries[-1])
        if finished.left > 0:
            return Later(self._now_ms() + round(settings.quiet_seconds * 1000), "more was written")
        return Done({**(sent_value(sent) if sent else {"status": "silent"}), "route": route})


def _was_said_last(history: Sequence[HistoryLine], text: str) -> bool:
    ours = [line.text for line in history if line.author != "them"]
    return bool(ours) and ours[-1] == text
