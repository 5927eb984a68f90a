"""The real Bull Board shows our queues and our workers, and its buttons work on our jobs."""

import httpx
import pytest

from oxyq.engine import Unrecoverable
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
