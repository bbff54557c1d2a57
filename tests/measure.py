#!/usr/bin/env python3
"""How fast the language server starts, how much memory it holds while idle, how long a keystroke takes
to its diagnostic, and how much memory a deploy takes.

    cargo build --release && python3 tests/measure.py target/release/fbuild-lsp

Starts the server as an editor does, a number of times, and prints the time from the start of the
process to the answer to `initialize`, and the resident memory after that. Then types into a partition
table and a platformio.ini: the time from each keystroke sent to the diagnostics of that version
received, and how many edits a second it takes. Then deploys an image of 16 MiB that does not compress onto a simulated board,
which runs in a process of its own, and prints the most memory that the deploy ever had resident.
Memory is read from /proc, so only on Linux. Uses only Python's standard library. Exits with 1 if a
limit that was given is exceeded:

    python3 tests/measure.py --max-ms 20 --max-mib 15 --max-deploy-mib 32 target/release/fbuild-lsp
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

IMAGE_MIB = 16
# An ESP32-S3 with 32 MB: of the chips that many have, the one whose loaders reach behind 16 MiB.
BOARD = ["--chip", "esp32s3", "--flash-size", "32MB", "--time", "accounted"]
IMAGE_OFFSET = "0x200000"


def send(server, message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def receive(server):
    length = None
    while (line := server.stdout.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None:
        sys.exit("error: the server ended without an answer")
    return json.loads(server.stdout.read(length))


def memory_mib(pid, figure):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(f"{figure}:"):
            return int(line.split()[1]) / 1024
    return None


def one_start(binary):
    """Milliseconds to the answer to `initialize`, and MiB held afterwards."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [binary, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    send(server, {"id": 1, "method": "initialize", "params": {"capabilities": {}}})
    answer = receive(server)
    took_ms = (time.perf_counter() - began) * 1000
    assert "capabilities" in answer["result"], answer

    # A command, so that what it loads lazily counts, too.
    send(server, {"method": "initialized", "params": {}})
    command = {"command": "fbuild.server.ports", "arguments": []}
    send(server, {"id": 2, "method": "workspace/executeCommand", "params": command})
    receive(server)
    held_mib = memory_mib(server.pid, "VmRSS")

    send(server, {"id": 3, "method": "shutdown"})
    receive(server)
    send(server, {"method": "exit"})
    code = server.wait(timeout=10)
    if code != 0:
        sys.exit(f"error: exit code {code} after shutdown and exit")
    return took_ms, held_mib


def deploy_peak_mib(binary):
    """Most MiB that a deploy of a large image had resident; None where the system does not say."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        image, flash = folder / "assets.bin", folder / "flash.bin"
        image.write_bytes(random.Random(1).randbytes(IMAGE_MIB << 20))
        environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
        board = subprocess.Popen(
            [binary, "sim", *BOARD, "--listen", "127.0.0.1:0", "--flash", flash],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            port = board.stdout.readline().decode().strip()
            deploy = subprocess.Popen(
                [binary, "deploy", "--full", "--port", port, "--image", IMAGE_OFFSET, image],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            # Asked for all the time: the figure never falls, and is gone with the process. What wait4
            # tells of a child includes this program before it became the child.
            peak = None
            while deploy.poll() is None:
                peak = memory_mib(deploy.pid, "VmHWM") or peak
                time.sleep(0.001)
            said = deploy.stdout.read().decode(errors="replace")
        finally:
            board.kill()
            board.wait()
        if deploy.returncode != 0:
            sys.exit(f"error: the deploy failed:\n{said}")
        at = int(IMAGE_OFFSET, 16)
        if flash.read_bytes()[at : at + (IMAGE_MIB << 20)] != image.read_bytes():
            sys.exit("error: the board does not hold the image")
    return peak


def table(n_rows):
    """A table without a mistake, and with a character beyond ASCII on every tenth line."""
    rows = ["# Name, Type, SubType, Offset, Size, Flags", "app, app, factory, 0x10000, 1M,"]
    while len(rows) <= n_rows:
        number = len(rows)
        rows.append(f"part_{number}, data, fat, {0x110000 + (number - 2) * 0x1000:#x}, 4K,")
        if number % 10 == 0:
            rows.append("# \u5206\u533a \U0001f600")
            n_rows += 1
    return "\n".join(rows) + "\n"


def environments(n):
    """A platformio.ini without a mistake, with environments that inherit from a common section."""
    common = "[platformio]\ndefault_envs = env_50_a\n\n[common]\nspeed = 460800\nboard = esp32dev\n"
    one = "\n[env:env_{}_a]\nplatform = espressif32\nboard = ${{common.board}}\nupload_speed = ${{common.speed}}\n"
    return common + "".join(one.format(number) for number in range(n))


class Document:
    """A file without a mistake, and a character in it without which there is one."""

    def __init__(self, name, text, key, code):
        """`key`: the text that ends in that character; `code`: of the diagnostic."""
        self.name, self.text, self.code = name, text, code
        lines = text.split("\n")
        self.line = next(number for number, line in enumerate(lines) if key in line)
        self.column = lines[self.line].index(key) + len(key) - 1
        self.character = key[-1]


TABLE = Document("partitions.csv", table(94), "part_50, data", "type-unknown")
PLATFORMIO_INI = Document("platformio.ini", environments(100), "default_envs = env_50_a", "unknown-environment")


def typing(binary, typed, n_keys, n_flood):
    """Milliseconds from keystrokes to their diagnostics, edits per second, MiB held afterwards."""
    server = subprocess.Popen(
        [binary, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    send(server, {"id": 1, "method": "initialize", "params": {"capabilities": {}}})
    receive(server)
    send(server, {"method": "initialized", "params": {}})

    def diagnostics(version):
        while True:
            said = receive(server)
            if said.get("method") != "textDocument/publishDiagnostics":
                continue
            if said["params"].get("version") == version:
                return said["params"]["diagnostics"]

    def edit(version, is_wrong):
        """Takes the character away, or puts it back."""
        start = {"line": typed.line, "character": typed.column}
        end = {"line": typed.line, "character": typed.column + is_wrong}
        text = "" if is_wrong else typed.character
        changes = [{"range": {"start": start, "end": end}, "text": text}]
        document = {"uri": uri, "version": version}
        params = {"textDocument": document, "contentChanges": changes}
        send(server, {"method": "textDocument/didChange", "params": params})

    with tempfile.TemporaryDirectory() as folder:
        uri = (pathlib.Path(folder) / typed.name).as_uri()
        document = {"uri": uri, "languageId": "plaintext", "version": 1, "text": typed.text}
        send(server, {"method": "textDocument/didOpen", "params": {"textDocument": document}})
        assert not any(found["code"] == typed.code for found in diagnostics(1))
        times = []
        for key in range(n_keys):
            is_wrong = key % 2 == 0
            began = time.perf_counter()
            edit(key + 2, is_wrong)
            found = diagnostics(key + 2)
            times.append((time.perf_counter() - began) * 1000)
            assert is_wrong == any(one["code"] == typed.code for one in found), found
        # As fast as they can be sent; what is shown in between is the server's to choose.
        version = n_keys + 1
        began = time.perf_counter()
        reader = threading.Thread(target=diagnostics, args=(version + n_flood,))
        reader.start()
        for key in range(n_flood):
            version += 1
            edit(version, is_wrong=key % 2 == 0)
        reader.join()
        per_s = n_flood / (time.perf_counter() - began)
    held_mib = memory_mib(server.pid, "VmRSS")
    send(server, {"id": 2, "method": "shutdown"})
    receive(server)
    send(server, {"method": "exit"})
    server.wait(timeout=10)
    return sorted(times), per_s, held_mib


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="path of fbuild-lsp, built with --release")
    parser.add_argument("-n", type=int, default=21, help="how many starts (21)")
    parser.add_argument("--max-ms", type=float, help="fail if the median start takes longer")
    parser.add_argument("--max-mib", type=float, help="fail if it ever holds more memory")
    parser.add_argument("--max-deploy-mib", type=float, help="fail if a deploy takes more memory")
    arguments = parser.parse_args()

    one_start(arguments.binary)  # the file is in the page cache from here on
    starts = [one_start(arguments.binary) for _ in range(arguments.n)]
    times = sorted(took for took, _ in starts)
    median = statistics.median(times)
    print(
        f"start to initialize answered: median {median:.1f} ms, "
        f"fastest {times[0]:.1f} ms, slowest {times[-1]:.1f} ms (n = {arguments.n})"
    )
    held = [mib for _, mib in starts if mib is not None]
    if held:
        print(f"resident while idle: at most {max(held):.1f} MiB (n = {len(held)})")
    else:
        print("resident while idle: not measured (no /proc here)")
    peak = deploy_peak_mib(arguments.binary)
    said = f"{peak:.1f} MiB" if peak is not None else "not measured (no /proc here)"
    print(f"most resident while {IMAGE_MIB} MiB are deployed: {said}")

    for typed, said in [
        (TABLE, "a table of 94 rows"),
        (PLATFORMIO_INI, "a platformio.ini of 100 environments"),
    ]:
        times, per_s, held_mib = typing(arguments.binary, typed, 1000, 10_000)
        print(
            f"keystroke to diagnostic in {said}: median {statistics.median(times):.2f} ms, "
            f"99 of 100 below {times[len(times) * 99 // 100]:.2f} ms, slowest {times[-1]:.2f} ms "
            f"(n = {len(times)})"
        )
        held_mib = "" if held_mib is None else f"; {held_mib:.1f} MiB resident afterwards"
        print(f"edits of it: {per_s:.0f} per second{held_mib}")

    failed = arguments.max_ms is not None and median > arguments.max_ms
    if arguments.max_mib is not None:
        failed = failed or not held or max(held) > arguments.max_mib
    if arguments.max_deploy_mib is not None:
        failed = failed or peak is None or peak > arguments.max_deploy_mib
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
