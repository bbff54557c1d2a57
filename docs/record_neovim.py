#!/usr/bin/env python3
"""Record the pictures of Neovim, deploying and editing: a real Neovim on a real screen, drawn as an SVG.

    tests/neovim && pip install pyte && python3 docs/record_neovim.py NVIM FBUILD_LSP

NVIM is Neovim 0.11, FBUILD_LSP the server's binary. Needs tmux too. Runs in a folder of its own, on a
simulated board in real time.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import pyte

import record

COLUMNS, ROWS, ROWS_WITH_PLAN = 88, 9, 20
TABLE_COLUMNS, TABLE_ROWS, ROWS_WITH_HOVER = 120, 9, 16
SOURCE = """\
#include "esp_log.h"

void app_main(void) {
    ESP_LOGI("blink", "Hello, world!");
}
"""
TABLE = """\
# Name,   Type, SubType, Offset,   Size
nvs,      data, nvs,     ,         0x6000
phy_init, data, phy,     ,         0x1000
factory,  app,  factory, ,         1M
storage,  data, spiffs,  0x100000, 512K
"""
SDKCONFIG = """\
CONFIG_PARTITION_TABLE_CUSTOM=y
CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"
"""
INIT = """\
vim.opt.runtimepath:prepend('{root}/editors/nvim')
vim.opt.statusline = ' %f%=%{{v:lua.require("fbuild").statusline()}} '
vim.opt.swapfile = false
vim.opt.number = true
vim.opt.showcmd = false
vim.cmd.highlight('Normal guibg=NONE') -- the picture has its own, on which hints would be hard to see
vim.cmd.highlight('NonText guifg=#7b88a1')
vim.diagnostic.config({{ virtual_text = true }})
vim.lsp.inlay_hint.enable()
vim.api.nvim_create_autocmd('LspAttach', {{
  callback = function(event) vim.lsp.codelens.refresh({{ bufnr = event.buf }}) end,
}})
vim.lsp.enable('fbuild_lsp')
"""


class Terminal:
    """A Neovim in a tmux of its own."""

    def __init__(self, folder, command, columns, rows):
        self.name = f"fbuild-record-{os.getpid()}"
        self.columns, self.rows = columns, rows
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder),
                  f"exec env TERM=tmux-256color COLORTERM=truecolor {command}")

    def tmux(self, *words):
        command = ["tmux", "-L", self.name, "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def type(self, command):
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")

    def resize(self, rows):
        self.rows = rows
        self.tmux("resize-window", "-y", str(rows))

    def wait_for(self, is_there):
        """The screen, with its colours, as soon as its text is as wanted."""
        for _ in range(3000):
            coloured = self.tmux("capture-pane", "-p", "-e", "-N")
            # pyte knows no colours of underlines and would read their numbers as something else.
            coloured = re.sub(r"\x1b\[58[;:][\d;:]*m", "", coloured)
            screen = pyte.Screen(self.columns, self.rows)
            pyte.Stream(screen).feed(coloured.rstrip("\n").replace("\n", "\r\n"))
            if is_there("\n".join(screen.display)):
                return record.rows_of(screen)
            time.sleep(0.02)
        raise SystemExit("never seen; at last:\n" + "\n".join(screen.display))


def build(root, project, greeting):
    make = [sys.executable, root / "tests/example/make.py", "--greeting", greeting, "--out", project / "build"]
    subprocess.run(make, check=True)


class Story:
    """What is seen at each step, below a line of ours."""

    def __init__(self):
        self.rows = []

    def show(self, caption, screen):
        self.rows.extend([record.line(caption, "blue"), *screen, record.line("")])

    def write(self, path, columns):
        path.write_text(record.draw(self.rows[:-1], columns))


def deploying(start, root, project, story):
    build(root, project, "Hello, world!")
    terminal = start("main/main.c", COLUMNS, ROWS)
    try:
        terminal.wait_for(lambda text: "espidf:build" in text)
        terminal.type(":FbuildPort sim:?time=real")
        terminal.wait_for(lambda text: "espidf:build on sim:" in text)
        terminal.type(":FbuildDeploy")
        story.show(":FbuildDeploy onto a blank board",
                   terminal.wait_for(lambda text: "writing firmware 5" in text and "fbuild: deploy" in text))
        terminal.wait_for(lambda text: "✓ full flash" in text and "deploy succeeded" in text)
        terminal.type(":4s/world/Neovim/ | write")
        terminal.wait_for(lambda text: "written" in text)
        build(root, project, "Hello, Neovim!")
        terminal.resize(ROWS_WITH_PLAN)
        terminal.type(":FbuildPlan")
        story.show("A string edited, built. :FbuildPlan", terminal.wait_for(lambda text: "3 of 61" in text))
        terminal.type(":pclose")
        terminal.resize(ROWS)
        terminal.type(":FbuildDeploy")
        story.show(":FbuildDeploy",
                   terminal.wait_for(lambda text: "✓ firmware" in text and "deploy succeeded" in text))
    finally:
        terminal.tmux("kill-server")


def editing(start, root, project, story):
    (project / "partitions.csv").write_text(TABLE)
    build(root, project, "Hello, world!")
    terminal = start("partitions.csv", TABLE_COLUMNS, TABLE_ROWS)
    try:
        everything = ["overlaps 'factory'", "Deploy firmware", "0x9000"]
        story.show("What is wrong, what the build fills in, what can be deployed",
                   terminal.wait_for(lambda text: all(words in text for words in everything)))
        terminal.type(":5")
        terminal.resize(ROWS_WITH_HOVER)
        terminal.type(":lua vim.diagnostic.jump({count = 1, float = false})")
        terminal.type(":lua vim.lsp.buf.code_action()")
        story.show(":lua vim.lsp.buf.code_action()", terminal.wait_for(lambda text: "1: " in text))
        terminal.type("1")
        terminal.wait_for(lambda text: "overlaps" not in text and "0x110000" in text)
        terminal.type(":4")
        terminal.tmux("send-keys", "K")
        story.show("Fixed. K on the row of the app",
                   terminal.wait_for(lambda text: "Built" in text and "Deploy firmware" in text))
    finally:
        terminal.tmux("kill-server")


def main():
    neovim, server = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    root = pathlib.Path(__file__).resolve().parent.parent
    for tell, columns, picture in [(deploying, COLUMNS, "neovim.svg"), (editing, TABLE_COLUMNS, "editing.svg")]:
        with tempfile.TemporaryDirectory() as folder:
            project = pathlib.Path(folder, "blink")
            (project / "main").mkdir(parents=True)
            (project / "main/main.c").write_text(SOURCE)
            (project / "sdkconfig").write_text(SDKCONFIG if tell == editing else "")
            for file in ("main/main.c", "sdkconfig"):
                os.utime(project / file, (0, 0))  # older than the build
            init = pathlib.Path(folder, "init.lua")
            init.write_text(INIT.format(root=root))

            def start(file, columns, rows):
                command = f"XDG_STATE_HOME={folder} FBUILD_LSP_PATH={server} {neovim} -i NONE -u {init} {file}"
                return Terminal(project, command, columns, rows)

            story = Story()
            tell(start, root, project, story)
            story.write(root / "docs" / picture, columns)


if __name__ == "__main__":
    main()
