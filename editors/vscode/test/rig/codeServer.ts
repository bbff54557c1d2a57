/** A real VS Code (code-server) that serves one browser, with settings and folders of its own. */

import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_MS = 180_000;

/** Nothing that moves, asks, or wants to be elsewhere. */
const SETTINGS = {
  "telemetry.telemetryLevel": "off",
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.enableExperiments": false,
  "workbench.tips.enabled": false,
  "workbench.reduceMotion": "on",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "window.restoreWindows": "none",
  "window.commandCenter": false,
  "chat.disableAIFeatures": true,
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "update.mode": "none",
  "git.enabled": false,
  "files.hotExit": "off",
  "editor.minimap.enabled": false,
};

export interface Options {
  /** A .vsix to install. */
  vsix?: string;
  /** Ask whether a workspace is to be trusted. */
  asksForTrust?: boolean;
  settings?: object;
  /** For tests that run inside the extension host. */
  hasTestDriver?: boolean;
  environment?: Record<string, string>;
}

export class CodeServer {
  readonly home: string;
  private readonly child: ChildProcess;
  private address = "";

  private constructor(home: string, child: ChildProcess) {
    this.home = home;
    this.child = child;
  }

  static async start(options: Options): Promise<CodeServer> {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "fbuild-code-"));
    const user = path.join(home, "user");
    fs.mkdirSync(path.join(user, "User"), { recursive: true });
    const settings = {
      ...SETTINGS,
      "security.workspace.trust.enabled": options.asksForTrust ?? false,
      ...options.settings,
    };
    fs.writeFileSync(path.join(user, "User/settings.json"), JSON.stringify(settings));
    fs.writeFileSync(path.join(home, "config.yaml"), "auth: none\n");
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      HOME: home,
      XDG_CONFIG_HOME: path.join(home, "config"),
      XDG_DATA_HOME: path.join(home, "data"),
      XDG_STATE_HOME: path.join(home, "state"),
      PATH: withoutRust(process.env["PATH"]),
      EXTENSIONS_GALLERY: '{"serviceUrl":""}',
      ...options.environment,
    };
    // The server inside the extension is what is tested.
    delete env["FBUILD_LSP_PATH"];
    const { entry, node } = program();
    const base = [entry, "--config", path.join(home, "config.yaml")];
    base.push("--user-data-dir", user, "--extensions-dir", path.join(home, "extensions"));
    if (options.vsix) {
      execFileSync(node, [...base, "--install-extension", options.vsix], { env, stdio: "pipe" });
    }
    const flags = ["--bind-addr", "127.0.0.1:0", "--auth", "none", "--disable-telemetry"];
    flags.push("--disable-update-check", "--disable-getting-started-override");
    if (!options.asksForTrust) flags.push("--disable-workspace-trust");
    if (options.hasTestDriver) flags.push("--vscode-option", "enable-smoke-test-driver");
    const log = fs.openSync(path.join(home, "log"), "w");
    // A process group of its own, so that all of it can be ended.
    const child = spawn(node, [...base, ...flags], {
      env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    const server = new CodeServer(home, child);
    await server.healthy();
    return server;
  }

  private async healthy(): Promise<void> {
    const end = Date.now() + START_MS;
    while (Date.now() < end && this.child.exitCode === null) {
      // It says which port it took.
      this.address = /server listening on (http:\S+?)\/?$/m.exec(this.log())?.[1] ?? "";
      const answer = this.address ? await fetch(`${this.url}/healthz`).catch(() => null) : null;
      if (answer?.ok) return;
      await sleep(100);
    }
    throw new Error(`code-server did not start:\n${this.log()}`);
  }

  get url(): string {
    return this.address;
  }

  log(): string {
    return fs.readFileSync(path.join(this.home, "log"), "utf8").slice(-4000);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    const { pid } = this.child;
    if (pid !== undefined && this.child.exitCode === null) {
      process.kill(-pid, "SIGTERM");
      await Promise.race([ended, sleep(5000, undefined, { ref: false })]);
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // The whole group has ended.
      }
    }
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Nobody who installs the extension needs rustup and what it brings. */
function withoutRust(folders = ""): string {
  // A distribution's rustup is beside everything else.
  const home = process.env["CARGO_HOME"] || path.join(os.homedir(), ".cargo");
  const isOutside = (folder: string) => path.relative(home, folder).startsWith("..");
  return folders.split(path.delimiter).filter(isOutside).join(path.delimiter);
}

/** Where tests/vscode installed it. */
function program(): { node: string; entry: string } {
  const entry = process.env["FBUILD_CODE_SERVER"];
  if (!entry) throw new Error("FBUILD_CODE_SERVER is not set: run tests/vscode");
  return { node: process.execPath, entry };
}
