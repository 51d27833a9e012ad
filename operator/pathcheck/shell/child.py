"""A child process that answers JSON lines with JSON lines, one question at a time; started when needed, and again once it has died."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

ANSWER_SECONDS = 45.0
# An answer is one line; a project's whole firewall may be some ten MiB.
LONGEST_LINE = 1 << 28


class NotRead(Exception):  # noqa: N818 - it reads as what it says
    """One question was not answered. `forbidden` is the missing permission; `slow_down`: asking again soon would make it worse."""

    def __init__(self, why: str, forbidden: str = "", slow_down: bool = False) -> None:
        super().__init__(why)
        self.forbidden = forbidden
        self.slow_down = slow_down


class Child:
    """`process` is None while it does not run."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._argv = argv
        self._environment = environment
        # Answers have no names.
        self._turn = asyncio.Lock()
        self.process: Process | None = None

    async def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its answer.

        Raises NotRead where that is an error, or does not come.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await self._ask(json.dumps(question))
            except TimeoutError:
                await self.close()
                raise NotRead(f"the reader gave no answer within {ANSWER_SECONDS:.0f} s") from None
            except asyncio.CancelledError:
                # Its answer would be taken for that to the next question.
                await self.close()
                raise
        error = answer.get("error")
        if error is not None:
            slow_down = error.get("kind") in ("forbidden", "rate-limited")
            raise NotRead(str(error.get("why")), str(error.get("permission", "")), slow_down)
        return answer

    async def _ask(self, request: str) -> Mapping[str, Any]:
        try:
            if self.process is None or self.process.returncode is not None:
                self.process = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=PIPE, stdout=PIPE, env=self._environment, limit=LONGEST_LINE
                )
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(request.encode() + b"\n")
            await self.process.stdin.drain()
            line = await self.process.stdout.readline()
            answer = json.loads(line) if line else None
        except (OSError, ValueError) as error:
            await self.close()
            raise NotRead(f"the reader does not work: {error}") from error
        if not isinstance(answer, dict):
            process = self.process
            await self.close()
            raise NotRead(f"the reader ended with code {process.returncode}")
        return answer

    async def close(self) -> None:
        """Nothing is left running."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        # A reader that has died by itself has a code of its own to tell, if it is given the moment to.
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
