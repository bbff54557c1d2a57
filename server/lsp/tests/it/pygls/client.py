"""A conversation with fbuild-lsp by an independent LSP client (pygls, lsprotocol).

    python client.py PATH-OF-FBUILD-LSP PROJECT

Exits with an error at the first answer that is not as docs/protocol.md says.
"""

import asyncio
import pathlib
import sys

from lsprotocol import types
from pygls.lsp.client import LanguageClient

LONG = 60  # seconds; far more than anything takes


class Client:
    def __init__(self):
        self.lsp = LanguageClient("test-client", "1.0")
        self.statuses = []
        self.progress = {}
        self.questions = []
        self.answer = None
        self.writing = asyncio.Event()
        self.settings = {}

        @self.lsp.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)
        def create(params: types.WorkDoneProgressCreateParams):
            self.progress[params.token] = []

        @self.lsp.feature(types.PROGRESS)
        def progress(params: types.ProgressParams):
            value = params.value
            kind = value["kind"] if isinstance(value, dict) else value.kind
            self.progress[params.token].append(kind)

        @self.lsp.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
        def ask(params: types.ShowMessageRequestParams):
            self.questions.append(params.message)
            wanted = [a for a in params.actions or [] if a.title == self.answer]
            return wanted[0] if wanted else None

        @self.lsp.feature(types.WORKSPACE_CONFIGURATION)
        def configuration(params: types.ConfigurationParams):
            assert all(item.section == "fbuild" for item in params.items), params
            return [self.settings for _ in params.items]

        @self.lsp.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(params: types.RegistrationParams):
            return None

        @self.lsp.feature(types.WINDOW_LOG_MESSAGE)
        def log(params: types.LogMessageParams):
            pass

        @self.lsp.feature(types.WINDOW_SHOW_MESSAGE)
        def show(params: types.ShowMessageParams):
            pass

        @self.lsp.feature("fbuild/status")
        def status(params):
            self.statuses.append(params)
            if params.phase == "writing":
                self.writing.set()

    def start(self, command, **argument):
        params = types.ExecuteCommandParams(f"fbuild.server.{command}", [argument])
        return asyncio.ensure_future(self.lsp.workspace_execute_command_async(params))

    async def run(self, command, **argument):
        return await asyncio.wait_for(self.start(command, **argument), LONG)


def field(value, name):
    return value[name] if isinstance(value, dict) else getattr(value, name)


def expect(value, **fields):
    for name, expected in fields.items():
        got = field(value, name)
        assert got == expected, f"{name}: expected {expected!r}, got {got!r} in {value}"


async def main(binary, project):
    client = Client()
    await client.lsp.start_io(binary, "--stdio")
    capabilities = types.ClientCapabilities(
        window=types.WindowClientCapabilities(work_done_progress=True),
        workspace=types.WorkspaceClientCapabilities(
            configuration=True,
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
                dynamic_registration=True
            ),
        ),
    )
    folder = types.WorkspaceFolder(uri=project.as_uri(), name="project")
    result = await client.lsp.initialize_async(
        types.InitializeParams(
            capabilities=capabilities,
            workspace_folders=[folder],
            initialization_options={"notifications": ["status"]},
        )
    )
    commands = result.capabilities.execute_command_provider.commands
    assert "fbuild.server.deploy" in commands, commands
    client.lsp.initialized(types.InitializedParams())

    board = "sim:board.bin?chip=esp32"
    expect(await client.run("deploy", port=board), outcome="fullFlash", chip="esp32")
    expect(await client.run("deploy", port=board), outcome="verifySkip")
    expect(await client.run("verify", port=board), outcome="verifySkip", error=None)
    expect(client.statuses[-1], state="succeeded", outcome="verifySkip")
    assert len(client.progress) == 3, client.progress
    for said in client.progress.values():
        assert said[0] == "begin" and said.count("end") == 1 and said[-1] == "end", said

    info = await client.run("boardInfo", port=board)
    expect(field(info, "board"), chip="esp32")

    # Nothing is erased without a yes.
    erase = {"port": board, "offset": 0x10000, "size": 0x4000}
    expect(await client.run("eraseRegion", **erase), outcome="cancelled")
    expect(await client.run("deploy", port=board), outcome="verifySkip")
    client.answer = "Erase"
    expect(await client.run("eraseRegion", **erase), outcome="erased", size=0x4000)
    expect(await client.run("deploy", port=board), outcome="selectiveFlash")

    # A setting that is asked for again after it changed.
    client.settings = {"verifyOnly": True}
    client.lsp.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    expect(await client.run("deploy", port="sim:other.bin"), outcome="failed")
    client.settings = {}
    client.lsp.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))

    # A cancel in the middle of a slow write.
    client.writing.clear()
    slow = {"port": "sim:slow.bin?chip=esp32&time=real", "baud": 115200}
    deploy = client.start("deploy", root=str(project / "large"), **slow)
    await asyncio.wait_for(client.writing.wait(), LONG)
    expect(await client.run("cancel", port=f"sim:{project / 'large' / 'slow.bin'}"), cancelled=1)
    expect(await asyncio.wait_for(deploy, LONG), outcome="cancelled")

    await asyncio.wait_for(client.lsp.shutdown_async(None), LONG)
    client.lsp.exit(None)
    await asyncio.wait_for(client.lsp._server.wait(), LONG)
    assert client.lsp._server.returncode == 0, client.lsp._server.returncode
    print("all said")


asyncio.run(main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve()))
