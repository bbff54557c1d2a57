"""A conversation with fbuild-lsp by an independent client of the Model Context Protocol.

    python client.py PATH-OF-FBUILD-LSP FOLDER TESTS    projects that nobody trusts
    python client.py PATH-OF-FBUILD-LSP HOME --trust    a home with ESP-IDF, and a project in it that may be built

Exits with an error at the first answer that is not as docs/agents.md says.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import sys

from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client

LONG = 60  # seconds; far more than anything takes
TOOLS = "targets ports build plan deploy verify board monitor decode history".split()


@contextlib.asynccontextmanager
async def server(binary, *arguments):
    parameters = StdioServerParameters(command=binary, args=["mcp", *map(str, arguments)], env=dict(os.environ))
    async with stdio_client(parameters) as (reads, writes), ClientSession(reads, writes) as session:
        async with asyncio.timeout(LONG):
            session.greeting = await session.initialize()
            for family in "ESP32 ESP8266 AVR Teensy RP2040".split():
                assert family in session.greeting.instructions, session.greeting
        yield session


async def call(session, name, progress=None, is_error=False, **arguments):
    """A tool's answer, which the client has compared with the tool's schema."""
    async with asyncio.timeout(LONG):
        result = await session.call_tool(name, arguments, progress_callback=progress)
    assert bool(result.is_error) == is_error, (name, arguments, result)
    return result.structured_content or result.content[0].text


def expect(value, **fields):
    for name, expected in fields.items():
        assert value[name] == expected, f"{name}: expected {expected!r}, got {value[name]!r} in {value}"


async def refused(session, code, name, **arguments):
    error = (await call(session, name, is_error=True, **arguments))["error"]
    expect(error, code=code)
    return error


async def tools(session, page):
    assert "call it before `deploy`" in session.greeting.instructions
    listed = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert list(listed) == TOOLS, list(listed)
    told = re.findall(r"^\| `(\w+)` \|", page.split("## Tools")[1], re.MULTILINE)
    assert told == TOOLS, told
    for tool in listed.values():
        assert tool.output_schema and tool.description, tool
    destructive = [name for name, tool in listed.items() if tool.annotations.destructive_hint]
    assert destructive == ["deploy"], destructive
    try:
        await call(session, "eraseFlash")
        raise AssertionError("a board can be erased")
    except MCPError as error:
        assert "no tool" in str(error), error


async def deploys(session, board):
    notes = []

    async def progress(done, total, message):
        notes.append((done, message))

    before = board.read_bytes()
    planned = await call(session, "plan")
    expect(planned, outcome="planned", port=f"sim:{board}?chip=esp32")
    assert [write["region"] for write in planned["plan"]["writes"]] == ["firmware"], planned
    assert board.read_bytes() == before
    expect(await call(session, "history"), boards=[])

    expect(await call(session, "deploy", progress), outcome="fullFlash", chip="esp32", error=None)
    numbers = [done for done, _ in notes]
    assert numbers == sorted(set(numbers)) and numbers[-1] == 100, numbers
    said = " ".join(message for _, message in notes)
    assert said.index("to write: firmware") < said.index("firmware: writing") < said.index("deploy succeeded"), said
    expect(await call(session, "deploy"), outcome="verifySkip")
    expect(await call(session, "verify"), outcome="verifySkip")
    expect((await call(session, "board"))["board"], chip="esp32")
    kept = (await call(session, "history", deploys=1))["boards"]
    assert [[deploy["outcome"] for deploy in board["deploys"]] for board in kept] == [["verifySkip"]], kept


async def refusals(session, folder, board):
    error = await refused(session, "not-trusted", "build")
    assert "the project is not trusted" in error["message"], error
    await refused(session, "not-trusted", "deploy", port="socket://127.0.0.1:1")
    await refused(session, "not-trusted", "monitor", port=f"sim:{folder / 'other.bin'}")
    assert not (folder / "other.bin").exists()
    await refused(session, "unknown-target", "deploy", target="espidf:nothing")
    await refused(session, "no-target", "plan", directory="nothing")
    for wrong in [{"until": "("}, {"baud": 1}, {"second": 1}]:
        text = await call(session, "monitor", is_error=True, **wrong)
        assert "the arguments are not as the tool's schema says" in text, text

    before = board.read_bytes()
    error = await refused(session, "data-loss", "deploy", directory="../moved")
    assert "'nvs' moves from 0x9000 to 0xa000" in error["message"], error
    assert board.read_bytes() == before
    expect(await call(session, "deploy", directory="../moved", force=True), error=None)


async def listens(session, tests):
    crashing = "sim:?crash=loadprohibited"
    # From the first byte of the boot, with a crash instead of what was waited for.
    waited = {"until": "never", "seconds": LONG}
    what = {"directory": str(tests / "example"), "port": crashing, "monitor": waited}
    deployed = await call(session, "deploy", is_error=True, **what)
    expect(deployed, outcome="fullFlash", error=None)
    heard = deployed["monitor"]
    assert heard["text"].startswith("ets "), heard
    expect(heard, end="crashed", line="fault: LoadProhibited at 0x00000004, core 1")
    elf = str(tests / "panics/elf/clock-o0.elf")
    decoded = await call(session, "decode", log=heard["text"], elfs=[elf])
    expect(decoded["crashes"][0]["place"], function="digit_of", file="/src/clock/main/main.c", line=11)
    await refused(session, "file-unreadable", "decode", log="", elfs=["nothing.elf"])

    again = {"port": crashing, "reset": True, "seconds": LONG}
    heard = await call(session, "monitor", until="app_main", **again)
    expect(heard, end="matched", line="I (301) main_task: Calling app_main()", crashes=[])
    expect(heard["resets"][0], name="POWERON_RESET")
    expect(await call(session, "monitor", bytes=100, **again), end="bytes", bytesRead=100)
    expect(await call(session, "monitor", port=crashing, seconds=0.1), end="timeout", text="")


async def slow_deploy(session):
    """One that is writing, and takes longer than anybody waits here."""
    writing = asyncio.Event()

    async def progress(done, total, message):
        if "writing" in message:
            writing.set()

    slow = {"directory": "../large", "port": "sim:?time=real&file=0"}
    deploy = asyncio.ensure_future(session.call_tool("deploy", slow, progress_callback=progress))
    await asyncio.wait_for(writing.wait(), LONG)
    return deploy


async def cancelled_deploys(session):
    boards = (await call(session, "history", deploys=20))["boards"]
    return sum(deploy["outcome"] == "cancelled" for board in boards for deploy in board["deploys"])


async def stranger(binary, folder, tests):
    board = folder / "board.bin"
    start = [folder / "blink", "--port", f"sim:{board}?chip=esp32"]
    async with server(binary, *start) as session:
        await tools(session, (tests / "../docs/agents.md").read_text())
        listed = await call(session, "targets")
        assert [target["name"] for target in listed["targets"]] == ["espidf:build"], listed
        assert isinstance((await call(session, "ports"))["ports"], list)
        await deploys(session, board)
        await refusals(session, folder, board)
        await listens(session, tests)
        deploy = await slow_deploy(session)
        deploy.cancel()
        async with asyncio.timeout(LONG):
            while await cancelled_deploys(session) != 1:
                await asyncio.sleep(0.01)
        # Who leaves in the middle stops the write.
        deploy = await slow_deploy(session)
    deploy.cancel()
    async with server(binary, *start) as session:
        assert await cancelled_deploys(session) == 2


async def trusting(binary, home):
    project = home / "blink"
    async with server(binary, project, "--trust") as session:
        (project / "main/main.c").write_text("new.bin")
        built = await call(session, "build")
        expect(built, outcome="built", target="espidf:build", error=None)
        # A project beside it is not in the folder that is trusted.
        (home / "other").mkdir()
        (home / "other/build").symlink_to(project / "build")
        await refused(session, "not-trusted", "build", directory="../other")
        (project / "main/main.c").write_text("broken")
        error = await refused(session, "build-failed", "build")
        assert "expected ';'" in error["message"], error


async def main(binary, folder, more):
    if more == "--trust":
        await trusting(binary, folder)
    else:
        await stranger(binary, folder, pathlib.Path(more))
    print("all said")


asyncio.run(main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]))
