"""The order in which questions are sent, so that a server finds what it has computed before in its cache of prefixes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from convemo.llm.base import Answer, Question


async def ask_in_order(
    questions: Sequence[Question], ask: Callable[[Question], Awaitable[Answer]], concurrency: int
) -> dict[Question, Answer]:
    """Asks different questions, many at once, in an order that suits a cache of prefixes.

    Questions with the same history differ in their last lines only (the options in another order). Sent all at once, each would have its
    history computed anew. So the first of them goes ahead, and the others follow when its answer is there. The first ones themselves, whose
    histories grow from one to the next, go in their order, no more of them at a time than it takes to keep the server busy.
    Answers are kept with their questions, so the order is of no consequence for them.
    """
    groups: dict[tuple, list[int]] = {}
    for number, question in enumerate(questions):
        groups.setdefault((question.static, question.history), []).append(number)
    numbers = list(groups.values())
    at_once = max(1, -(-concurrency * len(numbers) // max(len(questions), 1)))
    # Who may go when this one is answered: the others of its group, and the first of a later group. That one goes before these, so that
    # there are others to send when they run out; but not where only one is sent at a time.
    follow = {first: [(other, other) for other in others] for first, *others in numbers}
    for (first, *_), (later, *_) in zip(numbers, numbers[at_once:]):
        follow[first].append((first if concurrency > 1 else later, later))

    answers: dict[Question, Answer] = {}
    ready: asyncio.PriorityQueue[tuple[int, int]] = asyncio.PriorityQueue()
    for first, *_ in numbers[:at_once]:
        ready.put_nowait((first, first))

    async def work() -> None:
        while True:
            _, number = await ready.get()
            answers[questions[number]] = await ask(questions[number])
            for follower in follow.get(number, ()):
                ready.put_nowait(follower)
            ready.task_done()

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(work()) for _ in range(min(concurrency, len(questions)))]
        await ready.join()
        for worker in workers:
            worker.cancel()
    return answers
