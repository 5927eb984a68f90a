"""What `engine/scripts.py` relies on in the installed `bullmq`: each script's name, keys and arguments."""

import asyncio
import importlib.metadata
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from oxyq.engine import scripts
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import BULLMQ_VERSION, PACKAGE_SCRIPTS, FetchRules, NewJob, QueueScripts
from oxyq.engine.settlement import Burial, Completed, Delayed, FailedForGood, HandedBack, Keep, Retried
from oxyq.errors import ConfigurationError

#: For each script the keys in order (as ROLES names them), and what its header says of each argument.
HEADERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "addDelayedJob": (
        "marker meta id delayed completed events",
        ("msgpacked arguments array", "Json stringified job data", "msgpacked options"),
    ),
    "addJobScheduler": (
        "repeat delayed wait paused meta prioritized marker id events pc active",
        (
            "next milliseconds", "msgpacked options", "jobs scheduler id", "Json stringified template data",
            "mspacked template opts", "msgpacked delayed opts", "timestamp", "prefix key", "producer key",
        ),
    ),
    "addLog": ("job logs", ("id", "log", "keepLogs")),
    "addPrioritizedJob": (
        "marker meta id prioritized delayed completed active events pc",
        ("msgpacked arguments array", "Json stringified job data", "msgpacked options"),
    ),
    "addStandardJob": (
        "wait paused meta id completed delayed active events marker",
        ("msgpacked arguments array", "Json stringified job data", "msgpacked options"),
    ),
    "changeDelay": ("delayed meta marker events", ("delay", "timestamp", "the id of the job", "job key")),
    "changePriority": (
        "wait paused meta prioritized active pc marker",
        ("priority value", "prefix key", "job id", "lifo"),
    ),
    "cleanJobsInSet": (
        "state events repeat",
        (
            "jobKey prefix", "timestamp", "limit the number of jobs to be removed. 0 is unlimited",
            "set name, can be any of 'wait', 'active', 'paused', 'delayed', 'completed', or 'failed'",
        ),
    ),
    "extendLocks": ("stalled", ("baseKey", "tokens", "jobIds", "lockDuration (ms)")),
    "getCounts": ("base", ("types",)),
    "getStateV2": ("completed failed delayed active wait paused waiting-children prioritized", ("job id",)),
    "moveJobFromActiveToWait": (
        "active wait stalled paused meta limiter prioritized marker events",
        ("job id", "lock token", "job id key"),
    ),
    "moveStalledJobsToWait": (
        "stalled wait active stalled-check meta paused marker events repeat",
        ("Max stalled job count", "queue.toKey('')", "timestamp", "max check time"),
    ),
    "moveToActive": (
        "wait active prioritized events stalled limiter delayed paused meta pc marker",
        ("key prefix", "timestamp", "opts"),
    ),
    "moveToDelayed": (
        "marker active prioritized delayed job events meta stalled wait limiter pc",
        (
            "key prefix", "timestamp", "the id of the job", "queue token", "delay value", "skip attempt",
            "optional job fields to update", "fetch next?", "opts",
        ),
    ),
    "moveToFinished": (
        "wait active prioritized events stalled limiter delayed paused meta pc state job metrics marker",
        (
            "jobId", "timestamp", "msg property returnvalue / failedReason", "return value / failed reason",
            "target (completed/failed)", "fetch next?", "keys prefix", "opts", "job fields to update",
        ),
    ),
    "obliterate": ("meta base", ("count", "force")),
    "pause": (
        "wait/paused wait/paused meta prioritized events delayed marker",
        ("'paused' or 'resumed'", "'1' to emit event, '0' to skip it"),
    ),
    "promote": (
        "delayed wait paused meta prioritized active pc events marker",
        ("queue.toKey('')", "jobId"),
    ),
    "removeJob": ("job repeat", ("jobId", "remove children", "queue prefix")),
    "removeJobScheduler": ("repeat delayed events", ("job scheduler id", "prefix key")),
    "reprocessJob": (
        "job events state wait meta active marker prioritized pc",
        (
            "job.id", "(job.opts.lifo ? 'R' : 'L') + 'PUSH'", "propVal - failedReason/returnvalue",
            "prev state - failed/completed", 'reset attemptsMade - "1" or "0"', 'reset attemptsStarted - "1" or "0"',
        ),
    ),
    "retryJob": (
        "active wait paused job meta events delayed prioritized pc marker stalled",
        ("key prefix", "timestamp", "pushCmd", "jobId", "token", "optional job fields to update"),
    ),
    "updateJobScheduler": (
        "repeat delayed wait paused meta prioritized marker id events pc job active",
        (
            "next milliseconds", "jobs scheduler id", "Json stringified delayed data", "msgpacked delayed opts",
            "timestamp", "prefix key", "producer id",
        ),
    ),
    "updateProgress": ("job events meta", ("id", "progress")),
}  # fmt: skip

#: The words of the headers, without quotes, "key" and remarks, and the key each of them means.
ROLES = {
    **{name: name for name in (
        "active completed delayed failed id limiter marker meta metrics paused pc prioritized repeat stalled "
        "stalled-check wait waiting-children base"
    ).split()},
    "event": "events", "events": "events", "event stream": "events", "events stream": "events",
    "stream events": "events", "rate limiter": "limiter", "pc priority counter": "pc", "priority counter": "pc",
    "job": "job", "jobid": "job", "job id": "job", "producer": "job", "job logs": "logs", "prefix": "base",
    "job schedulers": "repeat", "delayed jobs": "delayed", "set": "state", "job state": "state",
    "completed/failed": "state", "wait or paused": "wait/paused", "paused or wait": "wait/paused",
}  # fmt: skip

HINT = (
    "BullMQ changed under us: compare commands/{0}-*.lua of the installed package with src/oxyq/engine/scripts.py, "
    "correct that file, then this table"
)
JOB_ID = "job-1"
KEYS = QueueKeys("work")
#: Keys that stand for a state when a script takes any.
STATES = {"completed", "failed", "wait", "delayed", "active"}


def header(name: str) -> str:
    """The first comment block of a script of the package."""
    text = scripts.package_text(name)
    return text[text.index("--[[") : text.index("]]")]


def described(name: str, what: str) -> list[str]:
    """What a header says of KEYS or ARGV, in order; fails when a number is missing."""
    found = re.findall(rf"^\s*{what}\[(\d+)(?:\.\.\.)?\]\s*=?\s*(.*?)\s*$", header(name), re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1)), HINT.format(name)
    return [text for _, text in found]


def role(words: str) -> str:
    """The key that the words of a header mean."""
    plain = re.sub(r"\(.*?\)|[',]", "", words).strip().lower()
    plain = re.sub(r"\s*key$", "", plain).strip()
    assert plain in ROLES, f"{words!r} names no key that we know"
    return ROLES[plain]


@pytest.mark.parametrize("name", sorted(PACKAGE_SCRIPTS))
def test_header_says_what_we_rely_on(name):
    keys, arguments = HEADERS[name]

    assert [role(words) for words in described(name, "KEYS")] == keys.split(), HINT.format(name)
    assert described(name, "ARGV") == list(arguments), HINT.format(name)
    assert PACKAGE_SCRIPTS[name] == len(keys.split()), HINT.format(name)


def test_every_script_we_call_is_in_the_table():
    assert set(HEADERS) == set(PACKAGE_SCRIPTS)


def test_name_of_each_file_says_its_number_of_keys():
    files = {path.name for path in scripts.package_folder().glob("*.lua")}

    assert {f"{name}-{count}.lua" for name, count in PACKAGE_SCRIPTS.items()} <= files


#: Called only from inside a script of ours that takes the same keys and arguments, and perhaps more behind these.
WRAPPED = {
    "changeDelay": lambda: scripts.our_script("reschedule"),
    "moveStalledJobsToWait": lambda: scripts.our_script("recover_stalled"),
}


class Recorder:
    """Stands where the connection is, and writes down which script was called with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str], list[object]]] = []
        self._names = {}
        for name in PACKAGE_SCRIPTS:
            script = WRAPPED[name]() if name in WRAPPED else scripts.package_script(name)
            self._names |= {script.sha: name, script.plain.sha if script.plain else script.sha: name}

    async def call(self, *command):
        _, sha, count, *rest = command
        self.calls.append((self._names.get(sha, "ours"), rest[:count], rest[count:]))
        return [0, 0, 0, 0, 0]


RULES = FetchRules(30_000, "worker-1", 10, 1000)
FIELDS = ("failedReason", "boom", "stacktrace", "[]")

CALLS: dict[str, Callable[[QueueScripts], Awaitable[object]]] = {
    "addStandardJob": lambda q: q.add(NewJob(JOB_ID, "n", "{}", {}, 1)),
    "addDelayedJob": lambda q: q.add(NewJob(JOB_ID, "n", "{}", {}, 1, delay_ms=5)),
    "addPrioritizedJob": lambda q: q.add(NewJob(JOB_ID, "n", "{}", {}, 1, priority=5)),
    "addJobScheduler": lambda q: q.upsert_scheduler("s", 1, "{}", {}, {}, {}),
    "addLog": lambda q: q.add_log(JOB_ID, "line", 10),
    "changeDelay": lambda q: q.reschedule(JOB_ID, 5, b"{}", "{}"),
    "changePriority": lambda q: q.change_priority(JOB_ID, 5),
    "cleanJobsInSet": lambda q: q.clean("completed", 1, 10),
    "extendLocks": lambda q: q.extend_locks([(JOB_ID, "t")], 1),
    "getCounts": lambda q: q.counts(["wait"]),
    "getStateV2": lambda q: q.state(JOB_ID),
    "moveJobFromActiveToWait": lambda q: q.settle(HandedBack(JOB_ID, "t"), RULES, fetch_next=False),
    "moveStalledJobsToWait": lambda q: q.recover_stalled(3, 1),
    "moveToActive": lambda q: q.fetch("t", RULES),
    "moveToDelayed": lambda q: q.settle(Delayed(JOB_ID, "t", 5, True, FIELDS), RULES, fetch_next=True),
    "moveToFinished": lambda q: q.settle(Completed(JOB_ID, "t", "1", Keep(), 1), RULES, fetch_next=True),
    "obliterate": lambda q: q.obliterate(force=True),
    "pause": lambda q: q.pause(paused=True),
    "promote": lambda q: q.promote(JOB_ID),
    "removeJob": lambda q: q.remove(JOB_ID),
    "removeJobScheduler": lambda q: q.remove_scheduler("s"),
    "reprocessJob": lambda q: q.reprocess(JOB_ID),
    "retryJob": lambda q: q.settle(Retried(JOB_ID, "t", FIELDS), RULES, fetch_next=False),
    "updateJobScheduler": lambda q: q.advance_scheduler("s", 1, "{}", {}, JOB_ID),
    "updateProgress": lambda q: q.update_progress(JOB_ID, "1"),
}
#: Arguments that a script takes but need not get.
OPTIONAL = {"moveToFinished": 1, "getStateV2": -1}


def fits(key: str, wanted: str) -> bool:
    """Whether a key that we send is the one that the header wants."""
    name = key.removeprefix(KEYS.base)
    return {
        "base": key == KEYS.base,
        "job": name == JOB_ID,
        "logs": name == f"{JOB_ID}:logs",
        "metrics": name in {"metrics:completed", "metrics:failed"},
        "state": name in STATES,
        "wait/paused": name in {"wait", "paused"},
    }.get(wanted, name == wanted)


@pytest.mark.parametrize("name", sorted(PACKAGE_SCRIPTS))
def test_we_send_the_keys_and_arguments_that_the_header_wants(name):
    # Given
    recorder = Recorder()
    queue = QueueScripts(KEYS, recorder)

    # When
    asyncio.run(CALLS[name](queue))

    # Then
    [(keys, arguments)] = [(keys, arguments) for called, keys, arguments in recorder.calls if called == name]
    wanted = HEADERS[name][0].split()
    assert len(keys) == len(wanted)
    wrong = [(number, key, want) for number, (key, want) in enumerate(zip(keys, wanted, strict=True), 1)
             if not fits(key, want)]  # fmt: skip
    assert wrong == [], HINT.format(name)
    missing = len(HEADERS[name][1]) - len(arguments)
    assert 0 <= missing <= OPTIONAL.get(name, 0) or name == "getStateV2" or (missing < 0 and name in WRAPPED)


OUR_LUA = sorted((Path(scripts.__file__).parent / "lua").glob("*.lua"))


@pytest.mark.parametrize("path", OUR_LUA, ids=lambda path: path.stem)
def test_our_scripts_begin_with_what_they_take(path):
    text = path.read_text(encoding="utf-8")

    assert text.startswith("--[[")
    first = text[: text.index("]]")]
    assert "KEYS[1" in first
    assert "ARGV[1" in first
    assert "Output" in first
    # What they take in must exist in the package.
    taken_in = set(re.findall(r"^--@bullmq (\w+)$", text, re.MULTILINE)) - {"ADD"}
    assert taken_in <= set(PACKAGE_SCRIPTS)


def test_burying_sends_the_keys_of_both_scripts_it_takes_in():
    # Given
    grave = QueueKeys("dead-letter")
    recorder = Recorder()
    queue = QueueScripts(KEYS, recorder, grave)
    burial = Burial("dlq-work-job-1", "{}")

    # When
    failed = FailedForGood(JOB_ID, "t", "boom", FIELDS, Keep(), 1, burial)
    asyncio.run(queue.settle(failed, RULES, fetch_next=True))

    # Then
    [(called, keys, arguments)] = recorder.calls
    finish, add = HEADERS["moveToFinished"][0].split(), HEADERS["addStandardJob"][0].split()
    assert called == "ours"
    assert all(fits(key, want) for key, want in zip(keys, finish, strict=False))
    assert [key.removeprefix(grave.base) for key in keys[len(finish) : -1]] == add
    assert keys[-1] == grave.job("dlq-work-job-1")
    first = next(path for path in OUR_LUA if path.stem == "fail_and_bury").read_text(encoding="utf-8")
    numbers = re.findall(r"ARGV\[(?:\d+\.\.)?(\d+)\]", first[: first.index("]]")])
    assert len(arguments) == max(map(int, numbers))


@pytest.mark.parametrize("installed", ["3.4.3", "3.5.0", "4.0.0"])
def test_another_version_of_the_package_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch, installed):
    # Given
    scripts.package_folder.cache_clear()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: installed)

    # When, Then
    try:
        with pytest.raises(ConfigurationError, match=f"pip install bullmq=={BULLMQ_VERSION}") as refused:
            QueueScripts(KEYS, Recorder())
        assert f"bullmq {installed} is installed" in str(refused.value)
    finally:
        scripts.package_folder.cache_clear()


def test_installed_version_is_the_one_we_were_written_for():
    assert importlib.metadata.version("bullmq") == BULLMQ_VERSION
