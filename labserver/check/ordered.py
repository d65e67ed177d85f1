"""Work done side by side whose results come in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

__all__ = ["Once", "in_order"]

_Result = TypeVar("_Result")


class Once(Generic[_Result]):
    """Work that is done when its result is first wanted, and whose result everybody gets."""

    def __init__(self, work: Callable[[], Awaitable[_Result]]) -> None:
        self._work = work
        self._doing: asyncio.Future[_Result] | None = None

    async def result(self) -> _Result:
        """Return the result, or raise what the work raised."""
        if self._doing is None:
            self._doing = asyncio.ensure_future(self._work())
        return await self._doing


async def in_order(steps: Iterable[Callable[[], Awaitable[_Result]]], at_once: int) -> AsyncIterator[_Result]:
    """Yield the results of the steps in their order, with up to ``at_once`` of them under way.

    What a step raises is raised in its place, and nothing is begun afterwards. What is under way then, or when nobody
    wants more, is cancelled.
    """
    loop = asyncio.get_running_loop()
    todo = deque((step, loop.create_future()) for step in steps)
    coming = deque(result for _, result in todo)

    async def work() -> None:
        while todo:
            step, result = todo.popleft()
            try:
                result.set_result(await step())
            except Exception as error:  # noqa: BLE001 -- it is raised where the result is wanted
                result.set_exception(error)
                result.exception()  # so that one that nobody comes to is no warning
                todo.clear()

    workers = [asyncio.ensure_future(work()) for _ in range(min(at_once, len(todo)))]
    try:
        while coming:
            yield await coming.popleft()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
