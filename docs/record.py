#!/usr/bin/env python3
"""Record the README's session: real commands in a real terminal, drawn as an SVG.

    cargo build --release && pip install pyte && python3 docs/record.py target/release/fbuild-lsp

Runs in a folder of its own, on a simulated board in real time. Needs pyte (a terminal emulator).
"""
import html
import os
import pathlib
import pty
import subprocess
import sys
import tempfile

import pyte

COLUMNS, CHAR, LINE = 100, 8.4, 19
COLOURS = {"default": "#d8dee9", "green": "#a3be8c", "red": "#bf616a", "cyan": "#88c0d0",
           "brown": "#ebcb8b", "blue": "#81a1c1", "magenta": "#b48ead"}


def run(command, folder, path):
    """The screen that a command leaves, as rows of (text, colour, bold) runs."""
    screen = pyte.Screen(COLUMNS, 40)
    stream = pyte.ByteStream(screen)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(PATH=f"{path}:{os.environ['PATH']}", TERM="xterm-256color", COLUMNS=str(COLUMNS))
        os.execvp("sh", ["sh", "-c", f"stty cols {COLUMNS} rows 40; {command}"])
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        stream.feed(data)
    os.waitpid(pid, 0)
    rows = []
    for y in range(40):
        runs = []
        for x in range(COLUMNS):
            char = screen.buffer[y][x]
            style = (char.fg, char.bold)
            if runs and runs[-1][1] == style:
                runs[-1][0] += char.data
            else:
                runs.append([char.data, style])
        rows.append(runs)
    while rows and not "".join(text for text, _ in rows[-1]).strip():
        rows.pop()
    return rows


def draw(rows):
    height = len(rows) * LINE + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * CHAR + 40:.0f}" height="{height}" '
           'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">',
           '<rect width="100%" height="100%" rx="8" fill="#2e3440"/>']
    for y, runs in enumerate(rows):
        x = 0
        for text, (colour, bold) in runs:
            if text.strip():
                lead = len(text) - len(text.lstrip())
                shown = html.escape(text.strip())
                weight = ' font-weight="bold"' if bold else ""
                length = len(text.strip()) * CHAR
                out.append(f'<text x="{20 + (x + lead) * CHAR:.1f}" y="{(y + 1) * LINE + 14}" '
                           f'fill="{COLOURS.get(colour, COLOURS["default"])}"{weight} '
                           f'textLength="{length:.1f}" xml:space="preserve">{shown}</text>')
            x += len(text)
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    port = "'sim:board.bin?time=real'"
    with tempfile.TemporaryDirectory() as folder:
        make = f"python3 {root}/tests/example/make.py"
        subprocess.run(f"{make} --out app/build", shell=True, check=True, cwd=folder)
        story = [
            ("# A blank board:", None),
            (f"fbuild-lsp deploy app --port {port}", None),
            ("# Edit a string, build:", f"{make} --greeting 'Hello again!' --out app/build"),
            (f"fbuild-lsp plan app --port {port}", None),
            (f"fbuild-lsp deploy app --port {port}", None),
            (f"fbuild-lsp deploy app --port {port}", None),
        ]
        rows = []
        for shown, hidden in story:
            if shown.startswith("#"):
                rows.append([[shown, ("blue", False)]])
                if hidden:
                    subprocess.run(hidden, shell=True, check=True, cwd=folder)
                continue
            rows.append([["$ ", ("green", True)], [shown.replace("'", "").replace("?time=real", ""), ("default", True)]])
            rows += run(shown, folder, binary.parent)
            rows.append([["", ("default", False)]])
        (root / "docs/session.svg").write_text(draw(rows[:-1]))


if __name__ == "__main__":
    main()
