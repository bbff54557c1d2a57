/** The running server: started, watched, started again, asked. */

import * as path from "node:path";
import * as vscode from "vscode";
import type { LanguageClientOptions } from "vscode-languageclient/node";
import {
  CloseAction,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  State,
  WorkDoneProgress,
} from "vscode-languageclient/node";
import type { WorkDoneProgressReport } from "vscode-languageclient/node";

import type { Ports, Status, Targets } from "../protocol.ts";
import type { Health } from "../view/facts.ts";
import { find } from "./binary.ts";
import { followCleanDocuments } from "./cleanDocuments.ts";
import { Crashes } from "./crashes.ts";
import { documentSelector } from "./documents.ts";

/** What the server says by itself, and how it is. */
export interface Listener {
  health(health: Health): void;
  status(status: Status): void;
  targets(targets: Targets): void;
  ports(ports: Ports): void;
  /** Somebody ran a server's command by its name, as a code lens does. */
  command(command: string, argument: unknown, next: () => unknown): unknown;
}

/** The server is not there, or went away before it answered. */
export class NoServer extends Error {
  /** Whether it had been asked. */
  readonly wasAsked: boolean;

  constructor(message: string, wasAsked: boolean) {
    super(message);
    this.wasAsked = wasAsked;
  }
}

export interface Asking {
  cancel?: vscode.CancellationToken;
  progress?: (step: WorkDoneProgressReport) => void;
}

export class Server {
  private readonly context: vscode.ExtensionContext;
  private readonly log: vscode.LogOutputChannel;
  private readonly listener: Listener;
  private readonly crashes = new Crashes();
  private client: LanguageClient | undefined;
  private following: vscode.Disposable | undefined;
  /** Starts and restarts happen one after another. */
  private queue: Promise<void> = Promise.resolve();
  private isRestartQueued = false;
  /** Told once, when the server that was asked is gone. */
  private waiting = new Set<(reason: NoServer) => void>();
  private nProgresses = 0;
  /** Where a server was looked for the last time, for whoever asks what is the matter. */
  tried: string[] = [];

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel, listener: Listener) {
    this.context = context;
    this.log = log;
    this.listener = listener;
  }

  /** Stops the server, if there is one, and starts it anew. The only way to start it. */
  restart(): Promise<void> {
    // Who asks while one is waiting for its turn gets what that one will bring.
    if (!this.isRestartQueued) {
      this.isRestartQueued = true;
      this.queue = this.queue.then(async () => {
        this.isRestartQueued = false;
        this.crashes.forget();
        await this.stopNow();
        await this.startNow();
      });
    }
    return this.queue;
  }

  stop(): Promise<void> {
    this.queue = this.queue.then(() => this.stopNow());
    return this.queue;
  }

  /** Asks the server to carry out a command. */
  async run<T>(command: string, argument: object, asking: Asking = {}): Promise<T> {
    const client = this.client;
    if (client?.state !== State.Running) throw new NoServer("the server is not running", false);
    const token = `fbuild-vscode/${++this.nProgresses}`;
    const steps =
      asking.progress &&
      client.onProgress(WorkDoneProgress.type, token, (step) => {
        if (step.kind === "report") asking.progress?.(step);
      });
    const params = {
      command,
      arguments: [argument],
      ...(steps ? { workDoneToken: token } : {}),
    };
    let leave: ((reason: NoServer) => void) | undefined;
    const gone = new Promise<never>((_, reject) => {
      leave = reject;
      this.waiting.add(reject);
    });
    try {
      const answer = client.sendRequest(ExecuteCommandRequest.type, params, asking.cancel);
      return (await Promise.race([answer, gone])) as T;
    } finally {
      if (leave) this.waiting.delete(leave);
      steps?.dispose();
    }
  }

  /** Tells the running server; one that is not running will hear it when it starts. */
  trustGranted(): void {
    if (this.client?.state !== State.Running) return;
    void this.client.sendNotification("fbuild/didChangeTrust", { trusted: true });
  }

  private async startNow(): Promise<void> {
    this.listener.health({ kind: "starting" });
    const exe = process.platform === "win32" ? "fbuild-lsp.exe" : "fbuild-lsp";
    const found = await find({
      environment: process.env["FBUILD_LSP_PATH"],
      setting: vscode.workspace.getConfiguration("fbuild").get("server.path", ""),
      bundled: this.context.asAbsolutePath(path.join("server", exe)),
    });
    this.tried = found.tried;
    if (found.file === undefined) {
      this.log.error(found.why, ...found.tried);
      this.listener.health({ kind: "stopped", why: found.why });
      return;
    }
    const { file, from, version } = found;
    this.log.info(`fbuild-lsp ${version} from ${from}: ${file}`);
    const client = new LanguageClient("fbuild", "fbuild", { command: file }, this.options());
    this.client = client;
    this.following = followCleanDocuments(client);
    client.onNotification("fbuild/status", (status: Status) => {
      this.listener.status(status);
    });
    client.onNotification("fbuild/targets", (targets: Targets) => {
      this.listener.targets(targets);
    });
    client.onNotification("fbuild/ports", (ports: Ports) => {
      this.listener.ports(ports);
    });
    client.onDidChangeState(({ newState }) => {
      if (this.client !== client) return;
      if (newState === State.Running) this.listener.health({ kind: "ready", version, file, from });
    });
    try {
      await client.start();
    } catch (error) {
      const why = `fbuild-lsp did not start: ${String(error)}`;
      this.log.error(why);
      this.listener.health({ kind: "stopped", why });
    }
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.following?.dispose();
    this.leaveAll("the server was stopped");
    if (!client) return;
    try {
      await client.dispose();
    } catch (error) {
      // It is gone already, or does not answer; there is nothing to be done about it here.
      this.log.warn(`while the server was stopped: ${String(error)}`);
    }
  }

  private leaveAll(why: string): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const leave of waiting) leave(new NoServer(why, true));
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector,
      outputChannel: this.log,
      traceOutputChannel: this.log,
      initializationOptions: () => ({
        notifications: ["status", "ports", "targets"],
        workspaceTrusted: vscode.workspace.isTrusted,
      }),
      middleware: {
        executeCommand: (command, args: unknown[], next) =>
          this.listener.command(command, args[0], () => next(command, args)),
      },
      errorHandler: {
        // One message that cannot be read or sent is no reason to stop.
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          this.leaveAll("the server ended unexpectedly");
          if (this.crashes.mayRestart(Date.now())) {
            const why = "fbuild-lsp ended unexpectedly and is being started again";
            this.log.error(why);
            this.listener.health({ kind: "restarting", why });
            return { action: CloseAction.Restart, handled: true };
          }
          const why = "fbuild-lsp ended unexpectedly several times and is not started again";
          this.log.error(why);
          this.listener.health({ kind: "stopped", why });
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
    };
  }
}
