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

COLUMNS, CHAR, LINE = 110, 8.4, 19
PAPER, INK = "#2e3440", "#d8dee9"
COLOURS = {"default": INK, "green": "#a3be8c", "red": "#bf616a", "cyan": "#88c0d0",
           "brown": "#ebcb8b", "blue": "#81a1c1", "magenta": "#b48ead"}


def colour(name, default):
    """What pyte calls a colour, as SVG does: a name of the palette or six hexadecimal digits."""
    if name == "default":
        return default
    return COLOURS.get(name, "#" + name)


def rows_of(screen):
    """A screen as rows of (text, (colour, background or None, bold, underlined)) runs."""
    rows = []
    for y in range(screen.lines):
        runs = []
        for x in range(screen.columns):
            char = screen.buffer[y][x]
            front, back = colour(char.fg, INK), colour(char.bg, None)
            if char.reverse:
                front, back = back or PAPER, front
            style = (front, back, char.bold, char.underscore)
            if runs and runs[-1][1] == style:
                runs[-1][0] += char.data
            else:
                runs.append([char.data, style])
        rows.append(runs)
    return rows


def run(command, folder, path):
    """The screen that a command leaves, as rows."""
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
    rows = rows_of(screen)
    while rows and not "".join(text for text, _ in rows[-1]).strip():
        rows.pop()
    return rows


def line(text, colour_name="default", bold=False):
    """A row of ours."""
    return [[text, (COLOURS[colour_name], None, bold, False)]]


def draw(rows, columns):
    height = len(rows) * LINE + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * CHAR + 40:.0f}" height="{height}" '
           'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">',
           f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>']
    for y, runs in enumerate(rows):
        x = 0
        for text, (front, back, bold, underlined) in runs:
            if back:
                out.append(f'<rect x="{20 + x * CHAR:.1f}" y="{y * LINE + 20}" width="{len(text) * CHAR:.1f}" '
                           f'height="{LINE}" fill="{back}"/>')
            if text.strip():
                lead = len(text) - len(text.lstrip())
                shown = html.escape(text.strip())
                weight = ' font-weight="bold"' if bold else ""
                length = len(text.strip()) * CHAR
                out.append(f'<text x="{20 + (x + lead) * CHAR:.1f}" y="{(y + 1) * LINE + 14}" '
                           f'fill="{front}"{weight} '
                           f'textLength="{length:.1f}" xml:space="preserve">{shown}</text>')
            if underlined and text.strip():
                waves = "q 2.1 -3 4.2 0 t 4.2 0 " * len(text)
                out.append(f'<path d="M {20 + x * CHAR:.1f} {(y + 1) * LINE + 17} {waves.strip()}" '
                           f'fill="none" stroke="{COLOURS["red"]}"/>')
            x += len(text)
    out.append("</svg>\n")
    return "\n".join(out)


def shortened(rows):
    """Of what the monitor shows, the crash; "..." is where something is left out."""
    short = []
    for row in rows:
        text = "".join(part for part, _ in row)
        if text.startswith(("Guru", "--- ")) and "addresses by" not in text:
            short.append(row)
        elif not short or short[-1] != line("...", "blue"):
            short.append(line("...", "blue"))
    return short


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    panics = root / "tests/panics"
    port = "'sim:board.bin?time=real'"
    with tempfile.TemporaryDirectory() as folder:
        make = f"python3 {root}/tests/example/make.py"
        subprocess.run(f"{make} --out app/build", shell=True, check=True, cwd=folder)
        subprocess.run(f"cp {panics}/elf/clock-o0.elf clock.elf && cp {panics}/src/clock/main/main.c clock.c",
                       shell=True, check=True, cwd=folder)
        story = [
            ("# A blank board:", None),
            (f"fbuild-lsp deploy app --port {port}", None),
            ("# Edit a string, build:", f"{make} --greeting 'Hello again!' --out app/build"),
            (f"fbuild-lsp deploy app --port {port}", None),
            ("# A program that crashes (tests/panics; the simulated board prints what it printed):", None),
            ("fbuild-lsp monitor --reset --port 'sim:board.bin?crash=loadprohibited' --elf clock.elf --fail panic", None),
            ("# Its lines:", None),
            ("sed -n '11p;17p' clock.c", None),
        ]
        rows = []
        for shown, hidden in story:
            if shown.startswith("#"):
                rows.append(line(shown, "blue"))
                if hidden:
                    subprocess.run(hidden, shell=True, check=True, cwd=folder)
                continue
            typed = shown.replace(port, "sim:board.bin")
            rows.append(line("$ ", "green", True) + line(typed, bold=True))
            screen = run(shown, folder, binary.parent)
            rows += shortened(screen) if "monitor" in shown else screen
            rows.append(line(""))
        (root / "docs/session.svg").write_text(draw(rows[:-1], COLUMNS))


if __name__ == "__main__":
    main()
