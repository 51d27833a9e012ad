"""One thread that waits for sockets and due times; asyncio would cost 4 MiB."""

from __future__ import annotations

import heapq
import selectors
import time
from collections.abc import Callable
from socket import socket

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Timer:
    """A call that is due at some time; `cancel` forgets it."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """It will not be called."""
        self.call = None


class Loop:
    """Calls back on sockets and at times, which are in seconds of `now`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Calls once, not before `when`."""
        timer = Timer(call)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        return timer

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Calls once, not before so many seconds from now."""
        return self.call_at(self.now() + seconds, call)

    def watch(self, sock: socket, events: int, call: Callable[[], None]) -> None:
        """Calls whenever the socket is ready; replaces what was said of this socket before."""
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, events, call)
        else:
            self._selector.register(sock, events, call)

    def close(self, sock: socket) -> None:
        """Forgets the socket, if it was watched, and closes it."""
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)
        sock.close()

    def end(self) -> None:
        """Closes every socket that is watched; the loop does not turn any more."""
        for key in list(self._selector.get_map().values()):
            self.close(key.fileobj)  # type: ignore[arg-type]
        self._selector.close()

    def turn(self, longest: float = 60.0) -> None:
        """Waits for the next socket or due time, at most so many seconds, and makes the calls."""
        wait = longest
        if self._timers:
            wait = min(wait, max(0.0, self._timers[0][0] - self.now()))
        for key, _ in self._selector.select(wait):
            # An earlier call of this turn may have closed it.
            if key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                key.data()
        self.due()

    def due(self) -> None:
        """Makes the calls whose time has come."""
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            call = heapq.heappop(self._timers)[2].call
            if call is not None:
                call()
