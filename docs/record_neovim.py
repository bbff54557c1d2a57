#!/usr/bin/env python3
"""Record the README's picture of Neovim: a real Neovim on a real screen, drawn as an SVG.

    tests/neovim && pip install pyte && python3 docs/record_neovim.py NVIM FBUILD_LSP

NVIM is Neovim 0.11, FBUILD_LSP the server's binary. Needs tmux too. Runs in a folder of its own, on a
simulated board in real time.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pyte

import record

COLUMNS, ROWS, ROWS_WITH_PLAN = 88, 9, 20
SOURCE = """\
#include "esp_log.h"

void app_main(void) {
    ESP_LOGI("blink", "Hello, world!");
}
"""
INIT = """\
vim.opt.runtimepath:prepend('{root}/editors/nvim')
vim.opt.statusline = ' %f%=%{{v:lua.require("fbuild").statusline()}} '
vim.opt.swapfile = false
vim.opt.number = true
vim.opt.showcmd = false
vim.cmd.highlight('Normal guibg=NONE') -- the picture has its own
vim.lsp.enable('fbuild_lsp')
"""


class Terminal:
    """A Neovim in a tmux of its own."""

    def __init__(self, folder, command):
        self.name = f"fbuild-record-{os.getpid()}"
        self.rows = ROWS
        self.tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(folder),
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
            coloured = self.tmux("capture-pane", "-p", "-e")
            screen = pyte.Screen(COLUMNS, self.rows)
            pyte.Stream(screen).feed(coloured.rstrip("\n").replace("\n", "\r\n"))
            if is_there("\n".join(screen.display)):
                return record.rows_of(screen)
            time.sleep(0.02)
        raise SystemExit("never seen; at last:\n" + "\n".join(screen.display))


def main():
    neovim, server = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    root = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder, "blink")
        (project / "main").mkdir(parents=True)
        (project / "main/main.c").write_text(SOURCE)
        (project / "sdkconfig").write_text("")
        for file in ("main/main.c", "sdkconfig"):
            os.utime(project / file, (0, 0))  # older than the build
        init = pathlib.Path(folder, "init.lua")
        init.write_text(INIT.format(root=root))

        def build(greeting):
            make = [sys.executable, root / "tests/example/make.py", "--greeting", greeting, "--out", project / "build"]
            subprocess.run(make, check=True)

        build("Hello, world!")
        terminal = Terminal(project, f"XDG_STATE_HOME={folder} FBUILD_LSP_PATH={server} "
                            f"{neovim} -i NONE -u {init} main/main.c")
        try:
            rows = []

            def show(caption, screen):
                rows.extend([record.line(caption, "blue"), *screen, record.line("")])

            terminal.wait_for(lambda text: "espidf:build" in text)
            terminal.type(":FbuildPort sim:?time=real")
            terminal.wait_for(lambda text: "espidf:build on sim:" in text)
            terminal.type(":FbuildDeploy")
            show(":FbuildDeploy onto a blank board",
                 terminal.wait_for(lambda text: "writing firmware 5" in text and "fbuild: deploy" in text))
            terminal.wait_for(lambda text: "✓ full flash" in text)
            terminal.type(":4s/world/Neovim/ | write")
            terminal.wait_for(lambda text: "written" in text)
            build("Hello, Neovim!")
            terminal.resize(ROWS_WITH_PLAN)
            terminal.type(":FbuildPlan")
            show("A string edited, built. :FbuildPlan", terminal.wait_for(lambda text: "3 of 61" in text))
            terminal.type(":pclose")
            terminal.resize(ROWS)
            terminal.type(":FbuildDeploy")
            show(":FbuildDeploy", terminal.wait_for(lambda text: "✓ firmware" in text and "deploy succeeded" in text))
        finally:
            terminal.tmux("kill-server")
        (root / "docs/neovim.svg").write_text(record.draw(rows[:-1], COLUMNS))


if __name__ == "__main__":
    main()
