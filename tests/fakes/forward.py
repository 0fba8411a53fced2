"""Passes connections on from one port of loopback to another: ``forward.py FROM TO``; until it is ended."""

import asyncio
import contextlib
import sys


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on bytes until the end of them."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()


async def main(port: int, to: int) -> None:
    """Listen."""

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async with await asyncio.start_server(passed_on, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
