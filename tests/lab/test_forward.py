"""The way from the machine into the lab, on loopback."""

from __future__ import annotations

import asyncio
import socket

from e2e.lab.forward import forward, parse_address


async def test_bytes_pass_both_ways_and_ends_are_passed_on() -> None:
    """What a client sends arrives, what is answered comes back, and closing one way still lets the other finish."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        writer.write(b"you said " + question)
        writer.close()

    target = await asyncio.start_server(answer, "127.0.0.1", 0)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with target:
        forwarding = asyncio.create_task(forward(listener, target.sockets[0].getsockname()))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"you said hello"
        writer.close()
        await writer.wait_closed()
        forwarding.cancel()
        await asyncio.gather(forwarding, return_exceptions=True)


async def test_a_target_that_is_not_there_ends_the_connection() -> None:
    """A client of a cluster that is off sees its connection closed, and the forwarder lives on."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nowhere = unused.getsockname()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    forwarding = asyncio.create_task(forward(listener, nowhere))
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    forwarding.cancel()
    await asyncio.gather(forwarding, return_exceptions=True)


def test_an_address_is_host_and_port() -> None:
    """HOST:PORT is split at the last colon."""
    assert parse_address("127.0.0.1:16443") == ("127.0.0.1", 16443)
