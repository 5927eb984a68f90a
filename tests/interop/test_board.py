"""The real Bull Board shows our queues and our workers, and its buttons work on our jobs."""

import httpx
import pytest

from oxyq.clock import now_ms
from oxyq.engine import Entry, JobOptions, Unrecoverable
from tests.interop.our_worker import Held, echo

STATES = ("active", "waiting", "waiting-children", "prioritized", "completed", "failed", "delayed")


@pytest.fixture
async def board(node):
    """A client of a Bull Board that shows the queue `message` (and `automation`, which is empty)."""
    async with httpx.AsyncClient(base_url=await node.board("message", "automation")) as client:
        yield client


async def shown(board, **query):
    """What the board's first page shows of the queue `message`."""
    answer = await board.get("/api/queues", params={"activeQueue": "message", "page": 1, "jobsPerPage": 10, **query})
    assert answer.status_code == 200, answer.text
    [queue] = [queue for queue in answer.json()["queues"] if queue["name"] == "message"]
    return queue


async def press(board, address, body=None):
    """Press a button of the board."""
    answer = await board.put(f"/api/queues/message/{address}", json=body or {})
    assert answer.status_code in (200, 204), answer.text


async def test_the_board_counts_and_lists_our_jobs_in_each_state(node, board, work, open_queue):
    # Given one job of ours in each state
    held = Held()

    async def handler(job):
        if job.name == "failed":
            raise Unrecoverable("not on WhatsApp 😿")
        return await held(job) if job.name == "active" else {"answer": "às 10h ⏰"}

    queue = open_queue("message")
    worker = await work("message", handler)
    for name in ("completed", "failed", "active"):
        await queue.add(name, {"name": name})
    await worker.completed()
    await worker.failed()
    await held.has(1)
    await queue.add("waiting", {})
    await queue.add("prioritized", {}, priority=3)
    await queue.add("delayed", {}, delay_ms=60_000)
    child = {"name": "child", "queueName": "children"}
    await node.add_flow({"name": "waiting-children", "queueName": "message", "children": [child]})

    # When the board is opened, then it counts one in each state
    page = await shown(board)
    assert {state: page["counts"][state] for state in STATES} == dict.fromkeys(STATES, 1)
    # and lists it on the page of that state
    pages = {state: (await shown(board, status=state))["jobs"] for state in STATES}
    assert {state: [job["name"] for job in jobs] for state, jobs in pages.items()} == {
        state: [state] for state in STATES
    }
    [completed], [failed] = pages["completed"], pages["failed"]
    assert completed["returnValue"] == {"answer": "às 10h ⏰"}
    assert (failed["isFailed"], failed["failedReason"], failed["attempts"]) == (True, "not on WhatsApp 😿", 1)
    assert failed["stacktrace"][0].endswith("not on WhatsApp 😿\n")


async def test_the_board_shows_one_job_of_ours_with_its_progress_and_its_log(board, work, open_queue):
    # Given a job that told how far it is
    async def handler(job):
        await job.update_progress(40)
        await job.log("enviando 📤")
        await job.log("enviado ✅")

    worker = await work("message", handler, worker_name="shop-1")
    job_id = await open_queue("message").add("send", {"to": "5511999999999"})
    await worker.completed()

    # When the board shows it
    answer = (await board.get(f"/api/queues/message/{job_id}")).json()
    log = (await board.get(f"/api/queues/message/{job_id}/logs")).json()

    # Then it is all there
    assert answer["status"] == "completed"
    assert (answer["job"]["data"], answer["job"]["progress"]) == ({"to": "5511999999999"}, 40)
    assert answer["job"]["processedBy"] == "shop-1"
    assert log == ["enviando 📤", "enviado ✅"]


async def test_the_board_lists_our_workers(node, board, work):
    # Given no worker, then the board warns that nobody works on the queue
    assert (await shown(board))["hasWorkers"] is False

    # When two of ours work on it
    await work("message", echo, worker_name="shop-1")
    await work("message", echo, worker_name="shop-2")

    # Then the board lists both by name
    await node.sees_workers("message", 2)
    assert (await shown(board))["hasWorkers"] is True
    workers = (await board.get("/api/queues/message/workers")).json()["workers"]
    assert sorted(worker["name"] for worker in workers) == ["shop-1", "shop-2"]


async def test_the_board_charts_what_our_worker_does(board, work, open_queue):
    # Given two jobs completed
    worker = await work("message", echo)
    queue = open_queue("message")
    for number in range(2):
        await queue.add("job", number)
    await worker.completed(2)

    # When the board reads its metrics, then they are counted
    metrics = (await board.get("/api/queues/message/metrics")).json()
    assert metrics["completed"]["meta"]["count"] == 2


async def test_the_buttons_of_the_board_work_on_our_jobs(board, work, open_queue):
    # Given a job of ours that failed, one that is delayed, and one that completed
    ill = True

    async def handler(job):
        if job.name == "failed" and ill:
            raise Unrecoverable("not now")
        return "done"

    worker = await work("message", handler)
    queue = open_queue("message")
    failed = await queue.add("failed", {})
    await worker.failed()
    delayed = await queue.add("delayed", {}, delay_ms=3_600_000)

    # When an operator retries the one and promotes the other
    ill = False
    await press(board, f"{failed}/retry")
    await worker.completed(1)
    await press(board, f"{delayed}/promote")

    # Then our worker does both
    assert [job.id for job in await worker.completed(2)] == [failed, delayed]
    # and when the operator removes one, it is gone
    await press(board, f"{failed}/clean")
    assert [job["id"] for job in (await shown(board, status="completed"))["jobs"]] == [delayed]


async def test_the_board_retries_all_of_our_failed_jobs(board, work, open_queue):
    # Given five jobs of ours that failed, each in the dead letters
    ill = True

    async def handler(job):
        if ill:
            raise Unrecoverable("not now")

    worker = await work("message", handler)
    ids = await open_queue("message").add_many([Entry("job", {"n": n}) for n in range(5)])
    await worker.failed(5)

    # When an operator retries all
    ill = False
    await press(board, "retry/failed")

    # Then our worker runs each once more, as the attempt after the last: so Node retries by hand
    done = await worker.completed(5)
    assert sorted(job.id for job in done) == sorted(ids)
    assert {job.attempt for job in done} == {2}
    # and so it goes with all that completed
    await press(board, "retry/completed")
    assert len(await worker.completed(10)) == 10


async def test_the_board_promotes_all_of_our_delayed_jobs(board, work, open_queue):
    queue = open_queue("message")
    entries = [Entry("job", {}, options=JobOptions(delay_ms=3_600_000, priority=n % 3)) for n in range(5)]
    ids = await queue.add_many(entries)
    worker = await work("message", echo)

    await press(board, "promote")

    assert sorted(job.id for job in await worker.completed(5)) == sorted(ids)


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_the_board_cleans_what_our_worker_finished(board, work, open_queue, redis_client, status):
    # Given one job that finished a minute ago, and one that did now
    async def handler(job):
        if status == "failed":
            raise Unrecoverable("no")

    worker = await work("message", handler)
    queue = open_queue("message")
    for job_id in ("old", "new"):
        await queue.add("job", {}, job_id=job_id)
    await (worker.completed(2) if status == "completed" else worker.failed(2))
    a_minute_ago = now_ms() - 60_000
    await redis_client.hset(queue.keys.job("old"), "finishedOn", a_minute_ago)
    await redis_client.zadd(queue.keys.base + status, {"old": a_minute_ago})

    # When an operator cleans, then only what is older than the board's 5 seconds goes
    await press(board, f"clean/{status}")
    assert [job["id"] for job in (await shown(board, status=status))["jobs"]] == ["new"]


async def test_the_board_changes_our_jobs_before_they_run(board, work, open_queue):
    # Given a delayed job of ours
    queue = open_queue("message")
    await queue.add("send", {"text": "Oi"}, job_id="j-1", delay_ms=3_600_000, priority=5, attempts=3)
    await queue.add("send", {"text": "first by its priority"}, job_id="j-2", delay_ms=3_600_000, priority=1)

    # When an operator changes its data, its priority and its time
    soon = now_ms() + 1_800_000
    for what, body in (
        ("update-data", {"jobData": {"text": "Olá ☕"}}), ("priority", {"priority": 7}), ("delay", {"runAt": soon}),
    ):  # fmt: skip
        answer = await board.patch(f"/api/queues/message/j-1/{what}", json=body)
        assert answer.status_code == 200, answer.text

    # Then we see it so
    snapshot = await queue.control.snapshot("j-1")
    assert (snapshot.record.data, snapshot.record.priority) == ({"text": "Olá ☕"}, 7)
    assert abs(snapshot.due_ms - soon) < 5_000
    # and our worker runs it so, in the order of the priorities
    await queue.pause()
    for job_id in ("j-1", "j-2"):
        await press(board, f"{job_id}/promote")
    worker = await work("message", echo)
    await queue.resume()
    second, first = (await worker.completed(2))[::-1]
    assert (first.id, second.id, second.data) == ("j-2", "j-1", {"text": "Olá ☕"})


async def test_what_the_board_adds_our_worker_runs(board, work):
    worker = await work("message", echo)

    body = {"name": "send", "data": {"text": "Oi"}, "options": {"attempts": 3, "priority": 2}}
    answer = await board.post("/api/queues/message/add", json=body)
    assert answer.status_code == 200, answer.text

    [job] = await worker.completed()
    assert (job.id, job.name, job.data, job.attempts) == (
        answer.json()["job"]["id"],
        "send",
        {"text": "Oi"},
        3,
    )


async def test_the_board_empties_our_queue_and_limits_our_workers(board, open_queue):
    queue = open_queue("message")
    await queue.add_many([Entry("job", {}, options=JobOptions(priority=n % 2)) for n in range(4)])
    await press(board, "concurrency", {"concurrency": 3})
    await press(board, "rate-limit", {"max": 10, "duration": 1000})
    page = await shown(board)
    assert page["globalConcurrency"] == 3
    assert (await board.get("/api/queues/message/rate-limit")).json()["rateLimit"] == {"max": 10, "duration": 1000}

    await press(board, "empty")
    assert (await queue.counts())["waiting"] == 0


async def test_the_board_pauses_and_resumes_our_worker(board, work, open_queue):
    # Given a worker of ours on a queue that an operator paused
    worker = await work("message", echo)
    await press(board, "pause")
    assert await open_queue("message").is_paused() is True
    assert (await shown(board))["isPaused"] is True
    await open_queue("message").add("job", {})

    # When the operator resumes it, then the job runs
    await press(board, "resume")
    await worker.completed()


async def test_the_board_shows_our_schedulers(board, open_queue):
    # Given a scheduler of ours
    queue = open_queue("message")
    await queue.schedulers.upsert("each-morning", "reminder", {}, cron="0 9 * * *", time_zone="America/Sao_Paulo")

    # When the board lists schedulers
    listed = (await board.get("/api/job-schedulers", params={"queueName": "message"})).json()

    # Then it is there, with the run that comes next
    [scheduler] = listed["schedulers"]
    assert (scheduler["id"], scheduler["name"], scheduler["pattern"]) == ("each-morning", "reminder", "0 9 * * *")
    assert scheduler["tz"] == "America/Sao_Paulo"
    assert scheduler["nextRunJobId"] == f"repeat:each-morning:{scheduler['next']}"
    # and an operator can take it away
    await press(board, "job-schedulers/each-morning/remove")
    assert (await shown(board))["counts"]["delayed"] == 0
