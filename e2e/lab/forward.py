"""`python -m e2e.lab.forward HOST:PORT NAMESPACE HOST:PORT`: the machine's own way into a lab namespace.

Listens on the machine, then goes into the network namespace and connects from there: the listening socket stays where
it was made, so that no route, address or interface of the lab is needed on the machine.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000


def enter_namespace(namespace: str) -> None:
    """Moves the calling thread into a named network namespace (setns(2); Python has os.setns from 3.12 on only).

    Raises:
        OSError: there is no such namespace, or the caller may not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(Path("/run/netns") / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter network namespace {namespace}")
    finally:
        os.close(handle)


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` as a pair."""
    host, _, port = text.rpartition(":")
    return host, int(port)


async def forward(listener: socket.socket, target: tuple[str, int]) -> None:
    """Connects every connection that `listener` accepts with `target`, for ever."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        except OSError:
            pass  # one side was cut: so is the other, below
        finally:
            writer.close()
            far_writer.close()

    server = await asyncio.start_server(connected, sock=listener)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def main(arguments: list[str]) -> None:
    """Runs until it is killed."""
    listen, namespace, target = arguments
    listener = socket.create_server(parse_address(listen))
    enter_namespace(namespace)
    asyncio.run(forward(listener, parse_address(target)))


if __name__ == "__main__":
    main(sys.argv[1:])
