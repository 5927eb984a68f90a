"""The Node program of these tests (node/peer.mjs), driven over lines of JSON."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.interop.witness import DEADLINE_SECONDS, Witness

PEER = Path(__file__).parent / "node" / "peer.mjs"
#: The longest line that is read: a board's page of jobs, with room.
LONGEST_LINE = 16 * 1024 * 1024

Line = dict[str, Any]


class NodeError(Exception):
    """What a call in Node threw."""


class NodeProcess:
    """One Node process with the npm package `package` ("bullmq" or "bullmq5"), shared by the tests of a file."""

    def __init__(self, package: str, redis_url: str) -> None:
        self.package = package
        self._command = ("node", str(PEER), package, redis_url)
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.witnesses: dict[str, Witness[Line]] = {}

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, limit=LONGEST_LINE, cwd=PEER.parent
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), DEADLINE_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def call(self, do: str, within_seconds: float = DEADLINE_SECONDS, **fields: object) -> Any:
        """Run one command of peer.mjs and return its result; raises NodeError with what it threw."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": do, **fields}).encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(within_seconds):
            return await self._answers[number]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for text in self._process.stdout:
            self._hear(json.loads(text))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NodeError("the Node process ended"))

    def _hear(self, line: Line) -> None:
        if "id" in line:
            answer = self._answers.pop(line["id"])
            if answer.done():  # nobody waits any more
                return
            if "error" in line:
                answer.set_exception(NodeError(line["error"]))
            else:
                answer.set_result(line["result"])
        elif (witness := self.witnesses.get(line["prefix"])) is not None:
            witness.tell(line)


class _Methods:
    """The methods of an object in Node, by their Node names: `await node.queue("message").getJobCounts("wait")`."""

    def __init__(self, node: "Node", do: str, **which: str) -> None:
        self._node, self._do, self._which = node, do, which

    def __getattr__(self, method: str) -> Any:
        async def call(*arguments: object) -> Any:
            return await self._node.call(self._do, **self._which, method=method, args=arguments)

        return call


class Node:
    """The Node process as one test sees it: all under the key prefix of the test."""

    def __init__(self, process: NodeProcess, prefix: str) -> None:
        self._process, self._prefix = process, prefix
        self.begin()

    def begin(self) -> None:
        """Remember what Node tells from now on."""
        self.witness = self._process.witnesses[self._prefix] = Witness[Line]()

    async def call(self, do: str, **fields: object) -> Any:
        """Run a command of peer.mjs under the prefix of this test."""
        return await self._process.call(do, prefix=self._prefix, **fields)

    def queue(self, queue: str) -> Any:
        """A BullMQ Queue; its methods have their Node names and take what they take in Node."""
        return _Methods(self, "queue", queue=queue)

    def job(self, queue: str, job_id: str) -> Any:
        """A BullMQ Job that is in `queue`; likewise."""
        return _Methods(self, "job", queue=queue, jobId=job_id)

    async def add_flow(self, tree: Mapping[str, object]) -> Any:
        """FlowProducer.add: returns {"job", "children"} for each node of the tree."""
        return await self.call("flow", tree=tree)

    async def finished(self, queue: str, job_id: str, within_ms: int = 8_000) -> Any:
        """job.waitUntilFinished: the result of the job; raises NodeError with its failure."""
        return await self.call("finished", queue=queue, jobId=job_id, withinMs=within_ms)

    async def work(self, queue: str, way: str = "echo", **options: object) -> None:
        """Start a BullMQ Worker; `way` is one of processors.mjs, `options` are WorkerOptions."""
        await self.call("work", queue=queue, way=way, options=options)

    async def let_go(self, queue: str) -> None:
        """Let the jobs of a `held` worker finish."""
        await self.call("letGo", queue=queue)

    async def take_and_die(self, queue: str, lock_ms: int) -> Any:
        """Take the next job like a worker that then dies; returns its id."""
        return await self.call("takeAndDie", queue=queue, lockDuration=lock_ms)

    async def listen(self, queue: str) -> None:
        """Open a BullMQ QueueEvents that reads the queue's events from the first on."""
        await self.call("listen", queue=queue)

    async def emitted(self, what: str, count: int = 1, **fields: object) -> list[Line]:
        """The first `count` events called `what` that QueueEvents emitted, with these fields; `listen` first."""
        return await self.until("emitted", count, what=what, **fields)

    def emitted_about(self, job_id: str) -> list[Line]:
        """Every event about one job that QueueEvents has emitted so far, in order."""
        return [line for line in self.witness.told if line["event"] == "emitted" and line.get("jobId") == job_id]

    async def sees_workers(self, queue: str, count: int) -> None:
        """Return once queue.getWorkersCount() is `count`: a worker makes itself known in the background."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await self.queue(queue).getWorkersCount() != count:
                pass  # each question is a round trip through Node and Redis, pause enough

    async def board(self, *queues: str) -> str:
        """Serve a Bull Board with `queues`; returns its address."""
        address: str = await self.call("board", queues=queues)
        return address

    async def until(
        self, event: str, count: int = 1, within_seconds: float = DEADLINE_SECONDS, **fields: object
    ) -> list[Line]:
        """The first `count` lines with these fields: `event` is "started", "completed" or "failed" by a Node worker."""
        wanted = {"event": event, **fields}
        return await self.witness.until(
            lambda line: all(line.get(name) == value for name, value in wanted.items()), count, within_seconds
        )

    async def end(self) -> None:
        """Close everything of this test; an error that nobody expected fails the test."""
        with contextlib.suppress(KeyError):
            del self._process.witnesses[self._prefix]
        await self.call("end")
        errors = [line for line in self.witness.told if line["event"] == "error"]
        assert not errors, f"Node told of errors: {errors}"
