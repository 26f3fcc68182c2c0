"""A cancel that meets an error or a result ends the task, whichever comes first."""

import asyncio

import pytest

from shared.cancelling import cancel_is_kept


@pytest.mark.parametrize("turns", range(8))
def test_a_cancel_that_meets_the_error_of_a_group_ends_the_task(turns: int) -> None:
    async def scene() -> None:
        error_comes = asyncio.Event()

        async def fail() -> None:
            await error_comes.wait()
            raise ValueError

        async def work() -> None:
            try:
                with cancel_is_kept():
                    async with asyncio.TaskGroup() as group:
                        group.create_task(fail())
                        await asyncio.Event().wait()
            except* ValueError:
                pass
            await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        error_comes.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done
        assert task.cancelled()

    asyncio.run(scene())


def test_what_was_not_cancelled_goes_on() -> None:
    async def scene() -> str:
        with cancel_is_kept():
            await asyncio.sleep(0)
        with pytest.raises(ValueError, match="as it was"), cancel_is_kept():
            raise ValueError("as it was")
        return "done"

    assert asyncio.run(scene()) == "done"
