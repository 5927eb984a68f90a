"""Every Redis key that is ours and not BullMQ's: one function per key, its lifetime in its docstring.

All begin with `oxyq:` and the BullMQ prefix in use, so that two installations may share one Redis.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from oxyq.queues import REMEMBER_SECONDS

CAMPAIGN_SECONDS = 30 * 24 * 3600
#: As long as a job's id is remembered: for that long the same message may be asked for again.
MESSAGE_SECONDS = REMEMBER_SECONDS
REACHED_SECONDS = 24 * 3600
#: A chat is known for so long after its last message; its history for as long as the organization says.
CONVERSATION_SECONDS = 30 * 24 * 3600
ALIAS_SECONDS = 365 * 24 * 3600
AUDIT_SECONDS = 365 * 24 * 3600
STATISTICS_SECONDS = 90 * 24 * 3600
TASK_SECONDS = 7 * 24 * 3600
ALERTS_SECONDS = 30 * 24 * 3600
#: An hour longer than such a job is left waiting, so that its last look still finds since when.
NEWER_JOB_SECONDS = 25 * 3600
#: Longer than anybody takes to begin an import anew that broke off.
SNAPSHOT_SECONDS = 7 * 24 * 3600

#: What quoting leaves as it is: most parts, and looking is ten times as fast.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")


def organization(organization_id: str, *, prefix: str = "bull") -> str:
    """String: the settings of one organization as JSON. No TTL: settings live until they are changed."""
    return _tenant_key(prefix, organization_id, "organization")


def quota(organization_id: str, *, prefix: str = "bull") -> str:
    """Hash: how many jobs one organization may add, and how many of them are left (lua/add_batch.lua).

    There is none without a quota. No TTL: settings.
    """
    return _tenant_key(prefix, organization_id, "quota")


def organizations_index(*, prefix: str = "bull") -> str:
    """Set: the ids of all organizations. No TTL: settings."""
    return _key(prefix, "organizations")


def doctor(random: str, *, prefix: str = "bull") -> str:
    """String: what `oxyq doctor` tries on whether commands are allowed. TTL 1 minute."""
    return _key(prefix, "doctor", random)


def weights(*, prefix: str = "bull") -> str:
    """Hash: the organizations whose weight in fair turns is not 1. No TTL: settings."""
    return _key(prefix, "weights")


def instances(*, prefix: str = "bull") -> str:
    """Hash: instance id -> its settings as JSON, of all organizations. No TTL: settings."""
    return _key(prefix, "instances")


def instance_secrets(instance_id: str, *, prefix: str = "bull") -> str:
    """Hash: the sealed secrets of one instance. No TTL: settings."""
    return _key(prefix, "instance-secrets", instance_id)


def instance_state(instance_id: str, *, prefix: str = "bull") -> str:
    """Hash: how one number stood when something was last heard of it. No TTL: it goes with the instance."""
    return _key(prefix, "instance-state", instance_id)


def bridge_lease(instance_id: str, *, prefix: str = "bull") -> str:
    """String: which bridge has this instance, and where it listens, as JSON; the bridge writes it. TTL 20 seconds."""
    return _key(prefix, "bridge-lease", instance_id)


def bridge_fence(instance_id: str, *, prefix: str = "bull") -> str:
    """String: counts the leases of an instance, so that a bridge that lost one writes nothing; the bridge's. No TTL."""
    return _key(prefix, "bridge-fence", instance_id)


def bridge_auth(instance_id: str, *, prefix: str = "bull") -> str:
    """Hash: the sealed keys by which a number is linked; the bridge writes it. No TTL: without it, pair again."""
    return _key(prefix, "bridge-auth", instance_id)


def bridge_sent(instance_id: str, message_id: str, *, prefix: str = "bull") -> str:
    """String: a sealed message, for phones that ask for it again; the bridge writes it. TTL 48 hours."""
    return _key(prefix, "bridge-sent", instance_id, message_id)


def bridge_address(instance_id: str, number: str, *, prefix: str = "bull") -> str:
    """String: the address by which WhatsApp knows a number, "" if it does not; the bridge writes it. TTL 7 days."""
    return _key(prefix, "bridge-address", instance_id, number)


def campaigns(organization_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: the campaigns of an organization by the time they were made. TTL 30 days, as for each in it."""
    return _tenant_key(prefix, organization_id, "campaigns")


def campaign(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: what one campaign says, its state, its counters and how far it is. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign", campaign_id)


def campaign_recipients(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: contact -> "row [status ms detail]", for each planned recipient of one campaign. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-recipients", campaign_id)


def campaign_upload(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: number -> packed rows as they were handed in, until they are planned. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-upload", campaign_id)


def campaign_rows(organization_id: str, campaign_id: str, zone: str, *, prefix: str = "bull") -> str:
    """List: packed rows of one time zone, their texts frozen. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-rows", campaign_id, zone)


def campaign_skipped(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """List: packed rows that were left out by the planning, with the reason. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-skipped", campaign_id)


def campaign_open(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: job id -> place of its row, for each send that was released and has not ended. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-open", campaign_id)


def campaign_returned(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """List: places of rows that were taken back, or are to be sent again: released before all others. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-returned", campaign_id)


def campaign_exceptions(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: contacts who did not simply get it, by what happened and their row (note.lua). TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-exceptions", campaign_id)


def campaign_check(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """String: what a look at a draft's recipients found, and the fingerprint of what was looked at. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-check", campaign_id)


def message(organization_id: str, message_key: str, *, prefix: str = "bull") -> str:
    """Hash: the ledger's entry of one outgoing message. TTL 8 days."""
    return _tenant_key(prefix, organization_id, "message", message_key)


def provider_message(organization_id: str, instance_id: str, provider_id: str, *, prefix: str = "bull") -> str:
    """String: our key of the message that WhatsApp knows by this id. TTL 8 days, as its entry in the ledger."""
    return _tenant_key(prefix, organization_id, "provider-message", instance_id, provider_id)


def contact(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """Hash: whether one person wants campaigns. No TTL: a wish to be left alone does not run out."""
    return _tenant_key(prefix, organization_id, "contact", contact)


def reached(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """String: a reminder went out to this person. TTL 1 day."""
    return _tenant_key(prefix, organization_id, "reached", contact)


def alias(organization_id: str, address: str, *, prefix: str = "bull") -> str:
    """String: which conversation a number or hidden id belongs to, where several are one person. TTL 1 year."""
    return _tenant_key(prefix, organization_id, "alias", address)


def conversation(organization_id: str, instance_id: str, contact: str, *, prefix: str = "bull") -> str:
    """Hash: how one chat stands: whose turn, what is answered, who took over. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "conversation", instance_id, contact)


def conversation_inbox(organization_id: str, instance_id: str, contact: str, *, prefix: str = "bull") -> str:
    """List: messages that wait for an answer, as JSON. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "conversation-inbox", instance_id, contact)


def conversation_history(organization_id: str, instance_id: str, contact: str, *, prefix: str = "bull") -> str:
    """List: the last messages of both sides, as JSON. TTL as the organization says, 30 days by default."""
    return _tenant_key(prefix, organization_id, "conversation-history", instance_id, contact)


def conversation_seen(organization_id: str, instance_id: str, contact: str, *, prefix: str = "bull") -> str:
    """Sorted set: messages that came in, by when, so that none is answered twice. TTL 8 days, each."""
    return _tenant_key(prefix, organization_id, "conversation-seen", instance_id, contact)


def conversations(organization_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: the chats of an organization by their last message. TTL 30 days, as for each in it."""
    return _tenant_key(prefix, organization_id, "conversations")


def silence(organization_id: str, *, prefix: str = "bull") -> str:
    """String: until when nobody of an organization is answered, in ms; its owner said so. TTL until then."""
    return _tenant_key(prefix, organization_id, "silence")


def owner_pending(organization_id: str, owner: str, *, prefix: str = "bull") -> str:
    """String: what an owner was asked to confirm, as JSON. TTL 5 minutes."""
    return _tenant_key(prefix, organization_id, "owner-pending", owner)


def withdrawn(organization_id: str, what: str, *, prefix: str = "bull") -> str:
    """String: since when automations of this id, or with this in their metadata, are not wanted. TTL 367 days."""
    return _tenant_key(prefix, organization_id, "withdrawn", what)


def last_wrote(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """String: when this person last wrote to the organization (ms). TTL 30 days."""
    return _tenant_key(prefix, organization_id, "last-wrote", contact)


def ai_usage(organization_id: str, day: str, *, prefix: str = "bull") -> str:
    """String: tokens that an organization used on one day. TTL 2 days."""
    return _tenant_key(prefix, organization_id, "ai-usage", day)


def campaign_messages(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """List: when campaigns reached this person, in ms, newest first. TTL 1 day, or the frequency cap's."""
    return _tenant_key(prefix, organization_id, "campaign-messages", contact)


def pacing(organization_id: str, *, prefix: str = "bull") -> str:
    """Beginning of the keys of what an organization may send in all; what follows, and for how long, is said here.

    `:all`, `:answers`, `:bulk`: lists, the times of the last that went (ms, newest first). TTL the limit's window.
    `:calendar:{slot}:{epoch}`: string, one bit per slot (its length in microseconds). TTL until its last slot is over.
    `:reserve`: list, times that were promised out of the reserve (ms, in order). TTL until the next may follow.
    `:turns:{queue}`: list, when those who were kept waiting come back (ms, in order). TTL until the last.
    Numbers have these too, and `:gaps`: list, times that were promised with a random gap (ms, in order), TTL as there;
    `:day:{date}`: string, how much of a day's budget is used or promised. TTL until a day after that day;
    `:slowed:{scope}`: string, until when nothing goes (ms). TTL until then. Pairs have `:all` and `:slowed:pair`.
    """
    return _tenant_key(prefix, organization_id, "pacing")


def pacing_number(organization_id: str, instance_id: str, *, prefix: str = "bull") -> str:
    """Beginning of the keys of what one number may send; the keys and their TTL are those of `pacing`."""
    return _tenant_key(prefix, organization_id, "pacing-number", instance_id)


def pacing_pair(organization_id: str, instance_id: str, recipient: str, *, prefix: str = "bull") -> str:
    """Beginning of the keys of what one person may get from one number; keys and TTL are those of `pacing`."""
    return _tenant_key(prefix, organization_id, "pacing-pair", instance_id, recipient)


def held(organization_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: "queue id" of the jobs that wait until it is resumed, by when they were held. No TTL: until then."""
    return _tenant_key(prefix, organization_id, "held")


def holding(*, prefix: str = "bull") -> str:
    """Set: the organizations of which jobs are held. No TTL: until they are resumed."""
    return _key(prefix, "holding")


def newer_job(queue: str, job_id: str, *, prefix: str = "bull") -> str:
    """String: since when workers meet a job that only a newer release can read (ms). TTL 25 hours."""
    return _key(prefix, "newer-job", queue, job_id)


def opted_out(organization_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: the contacts who want no campaigns, by since when. No TTL, as for each in it."""
    return _tenant_key(prefix, organization_id, "opted-out")


def text_key(organization_id: str, *, prefix: str = "bull") -> str:
    """String: the sealed key of an organization's texts (text_keys.py). No TTL: until it is thrown away."""
    return _tenant_key(prefix, organization_id, "text-key")


def suppressed(organization_id: str, *, prefix: str = "bull") -> str:
    """Sorted set: fingerprints of erased people who want no campaigns, by since when (suppression.py). No TTL."""
    return _tenant_key(prefix, organization_id, "suppressed")


def erasing(organization_id: str, fingerprint: str, *, prefix: str = "bull") -> str:
    """Set: ids of jobs and messages that go with a person who is being erased. TTL 1 day; gone when that is done."""
    return _tenant_key(prefix, organization_id, "erasing", fingerprint)


# --- the board and those who use it ---------------------------------------------------------------------------


def audit(organization_id: str | None, *, prefix: str = "bull") -> str:
    """Sorted set: the entries of the audit by their time, of one organization or (None) of all. TTL 1 year, each."""
    if organization_id is None:
        return _key(prefix, "audit")
    return _tenant_key(prefix, organization_id, "audit")


def audit_entry(entry_id: str, *, prefix: str = "bull") -> str:
    """Hash: one entry of the audit. TTL 1 year."""
    return _key(prefix, "audit-entry", entry_id)


def sessions(*, prefix: str = "bull") -> str:
    """Sorted set: the digests of the board's sessions by the time they end at the latest. No TTL: trimmed when read."""
    return _key(prefix, "sessions")


def session(digest: str, *, prefix: str = "bull") -> str:
    """Hash: one session on the board, under the SHA-256 of its secret. TTL 1 hour after it was last used."""
    return _key(prefix, "session", digest)


def login_link(digest: str, *, prefix: str = "bull") -> str:
    """String: who a link logs in, once, as JSON, under the SHA-256 of its secret. TTL 15 minutes."""
    return _key(prefix, "login-link", digest)


def login_attempts(address: str, *, prefix: str = "bull") -> str:
    """String: counts failed logins from one address. TTL 15 minutes."""
    return _key(prefix, "login-attempts", address)


def revoked_token(token_id: str, *, prefix: str = "bull") -> str:
    """String: the token with this id is not good any more. TTL 10 years, as long as a token may be good."""
    return _key(prefix, "revoked-token", token_id)


def revoked_person(sub: str, *, prefix: str = "bull") -> str:
    """String: what this person was given up to this second is not good any more. TTL 10 years."""
    return _key(prefix, "revoked-person", sub)


# --- bulk tasks -----------------------------------------------------------------------------------------------


def tasks(organization_id: str | None, *, prefix: str = "bull") -> str:
    """Sorted set: bulk tasks by the time they were ordered, of one organization or (None) all. TTL 7 days, each."""
    if organization_id is None:
        return _key(prefix, "tasks")
    return _tenant_key(prefix, organization_id, "tasks")


def open_tasks(*, prefix: str = "bull") -> str:
    """Set: the bulk tasks that have not ended. No TTL: each goes when it ends."""
    return _key(prefix, "open-tasks")


def task(task_id: str, *, prefix: str = "bull") -> str:
    """Hash: one bulk task: what was ordered, and how far it is. TTL 7 days after the last step."""
    return _key(prefix, "task", task_id)


def task_items(task_id: str, *, prefix: str = "bull") -> str:
    """List: the ids that a bulk task has still to deal with. TTL 7 days after the last step; gone when it ends."""
    return _key(prefix, "task-items", task_id)


def task_lease(task_id: str, *, prefix: str = "bull") -> str:
    """String: who runs a bulk task. TTL 20 seconds, renewed."""
    return _key(prefix, "task-lease", task_id)


# --- alerts ---------------------------------------------------------------------------------------------------


def alerts(*, prefix: str = "bull") -> str:
    """Hash: each alert as JSON, by its id. TTL 30 days after the last change; each goes a day after it is over."""
    return _key(prefix, "alerts")


def alert_silences(*, prefix: str = "bull") -> str:
    """Hash: until when (ms) nobody is told of an alert or rule. TTL 30 days, the longest silence."""
    return _key(prefix, "alert-silences")


def alert_lease(*, prefix: str = "bull") -> str:
    """String: which process looks for alerts. TTL 150 seconds, renewed."""
    return _key(prefix, "alert-lease")


def numbers_away(*, prefix: str = "bull") -> str:
    """Sorted set: the numbers that are not connected by since when (ms). No TTL, each goes when it is back."""
    return _key(prefix, "numbers-away")


def campaigns_stopped(*, prefix: str = "bull") -> str:
    """Sorted set: "organization/campaign" of those that stand still by since when (ms). TTL 30 days."""
    return _key(prefix, "campaigns-stopped")


# --- what was counted, and who works --------------------------------------------------------------------------


def statistics(
    queue: str, kind: str, slot_seconds: int, block: int, organization_id: str | None = None, *, prefix: str = "bull"
) -> str:
    """String: rows of counters of one queue, of all or of one organization (statistics/rows.py).

    TTL: 25 hours after its last row for slots of up to 10 minutes, 90 days for slots of 3 hours.
    """
    parts = ("statistics", queue, kind, str(slot_seconds), str(block))
    return _key(prefix, *parts) if organization_id is None else _tenant_key(prefix, organization_id, *parts)


def statistics_organizations(*, prefix: str = "bull") -> str:
    """Sorted set: the organizations that are counted by themselves, by when they last were. TTL 90 days."""
    return _key(prefix, "statistics-organizations")


def workers(*, prefix: str = "bull") -> str:
    """Sorted set: the ids of worker processes by when each was last heard. TTL 150 seconds."""
    return _key(prefix, "workers")


def worker(process_id: str, *, prefix: str = "bull") -> str:
    """String: what one worker process said of itself when it was last heard, as JSON. TTL 150 seconds."""
    return _key(prefix, "worker", process_id)


# --- which organization is on which of several servers -------------------------------------------------------------


def shards(*, prefix: str = "bull") -> str:
    """Hash: organization -> the shard it was put on or is moved to; "" -> how often that changed. At home. No TTL."""
    return _key(prefix, "shards")


def shards_away(*, prefix: str = "bull") -> str:
    """Hash: organization -> the shard where it is now, "" while it moves; "" -> how often that changed. On each shard.

    No TTL: what others add here for it later is carried after it.
    """
    return _key(prefix, "shards-away")


def shard_move(organization_id: str, *, prefix: str = "bull") -> str:
    """String: which process moves an organization. At home. TTL 5 seconds, renewed."""
    return _key(prefix, "shard-move", organization_id)


# --- while a snapshot is imported ------------------------------------------------------------------------------


def snapshot_import(*, prefix: str = "bull") -> str:
    """String: which snapshot is being imported here, until all of it is. TTL 7 days."""
    return _key(prefix, "snapshot-import")


def snapshot_part(key: str, *, prefix: str = "bull") -> str:
    """As the key it stands for: the pieces of a large key until all are there. TTL 7 days."""
    return _key(prefix, "snapshot-part", key)


# --- what all of the above are made of ------------------------------------------------------------------------


def _tenant_key(prefix: str, organization_id: str, *parts: str) -> str:
    return ":".join((_tenant(prefix, organization_id), *map(_quoted, parts)))


@lru_cache(4096)
def _tenant(prefix: str, organization_id: str) -> str:
    return _key(prefix, "org", organization_id)


def _key(prefix: str, *parts: str) -> str:
    return ":".join(("oxyq", prefix, *map(_quoted, parts)))


def _quoted(part: str) -> str:
    # Tenants choose some of these parts. Quoted, "a:b" cannot reach into another tenant's keys.
    # And of jobs that others added they may hold half a character.
    return part if _PLAIN.fullmatch(part) else quote(part, safe="", errors="surrogatepass")
