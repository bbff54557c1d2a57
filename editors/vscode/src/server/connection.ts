/** The running server: started, watched, started again, asked. */

import * as path from "node:path";
import * as vscode from "vscode";
import type { LanguageClient, LanguageClientOptions } from "vscode-languageclient/node";
import { CloseAction, ErrorAction, ExecuteCommandRequest, State } from "vscode-languageclient/node";

import { shown } from "../commands/shown.ts";
import type { Model } from "../model.ts";
import type { BuildNews, MonitorNews } from "../protocol.ts";
import type { Health } from "../view/facts.ts";
import { withHealth, withPorts, withStatus, withTargets } from "../view/facts.ts";
import { find } from "./binary.ts";
import { espIdf } from "./espIdf.ts";
import { Crashes } from "./crashes.ts";
import { helped } from "./documents.ts";
import { QuietClient } from "./quietClient.ts";

interface Parts {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  /** Learns what the server says by itself, and how it is. */
  model: Model;
  /** Where what boards and builds print is shown. */
  terminals: () => { hear: (news: MonitorNews) => void; hearBuild: (news: BuildNews) => void };
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
  /** Of its progress. */
  token?: string;
}

export class Server {
  private readonly parts: Parts;
  private readonly crashes = new Crashes();
  private client: LanguageClient | undefined;
  /** The client whose server ended by itself; another is on its way, or none. */
  private dead: LanguageClient | undefined;
  /** Starts and restarts happen one after another. */
  private queue: Promise<void> = Promise.resolve();
  private queuedRestart: Promise<void> | undefined;
  /** Told once, when the server that was asked is gone. */
  private waiting = new Set<(reason: NoServer) => void>();
  /** Where a server was looked for the last time, for whoever asks what is the matter. */
  tried: string[] = [];
  /** The program that was found then. */
  file: string | undefined;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Stops the server, if there is one, and starts it anew. The only way to start it. */
  restart(): Promise<void> {
    // Who asks while one is waiting for its turn gets what that one will bring.
    this.queuedRestart ??= this.enqueue(async () => {
      this.queuedRestart = undefined;
      this.crashes.forget();
      await this.stopNow();
      await this.startNow("starting");
    });
    return this.queuedRestart;
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.stopNow());
  }

  /** Asks the server to carry out a command. */
  async run<T>(command: string, argument: object, asking: Asking = {}): Promise<T> {
    const client = this.client;
    if (client?.state !== State.Running) throw new NoServer("the server is not running", false);
    const { cancel, token } = asking;
    const params = { command, arguments: [argument], ...(token && { workDoneToken: token }) };
    let leave: ((reason: NoServer) => void) | undefined;
    const gone = new Promise<never>((_, reject) => {
      leave = reject;
      this.waiting.add(reject);
    });
    try {
      const answer = client.sendRequest(ExecuteCommandRequest.type, params, cancel);
      return (await Promise.race([answer, gone])) as T;
    } finally {
      if (leave) this.waiting.delete(leave);
    }
  }

  /** Tells the running server; one that is not running will hear it when it starts. */
  trustGranted(): void {
    if (this.client?.state !== State.Running) return;
    void this.client.sendNotification("fbuild/didChangeTrust", { trusted: true });
  }

  private health(health: Health): void {
    this.parts.model.update((facts) => withHealth(facts, health));
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work).catch((error: unknown) => {
      // What comes after it must go on.
      this.parts.log.error(String(error));
    });
    return this.queue;
  }

  private async startNow(health: "starting" | "restarting"): Promise<void> {
    const { log, model } = this.parts;
    this.health({ kind: health, why: "fbuild-lsp ended and is started again" });
    const exe = process.platform === "win32" ? "fbuild-lsp.exe" : "fbuild-lsp";
    const found = await find({
      environment: process.env["FBUILD_LSP_PATH"],
      setting: vscode.workspace.getConfiguration("fbuild").get("server.path", ""),
      bundled: this.parts.context.asAbsolutePath(path.join("server", exe)),
    });
    this.tried = found.tried;
    this.file = found.file;
    if (found.file === undefined) {
      log.error(found.why, ...found.tried);
      this.health({ kind: "stopped", why: found.why });
      return;
    }
    const { file, from, version } = found;
    log.info(`fbuild-lsp ${version} from ${from}: ${file}`);
    const client: LanguageClient = new QuietClient(
      "fbuild",
      "fbuild",
      // What it has to say comes by the protocol; to standard error only what it cannot say there.
      { command: file, args: ["--log", "error"], options: { env: environment() } },
      this.options(() => {
        this.ended(client, "fbuild-lsp ended unexpectedly");
      }),
    );
    this.client = client;
    client.onNotification("fbuild/status", model.taking(withStatus));
    client.onNotification("fbuild/targets", model.taking(withTargets));
    client.onNotification("fbuild/ports", model.taking(withPorts));
    client.onNotification("fbuild/monitor", this.parts.terminals().hear);
    client.onNotification("fbuild/build", this.parts.terminals().hearBuild);
    try {
      await client.start();
      // It may be gone again.
      if (this.client === client && this.dead !== client)
        this.health({ kind: "ready", version, file, from });
    } catch (error) {
      this.ended(client, `fbuild-lsp did not start: ${String(error)}`);
    }
  }

  /** A server that ended by itself is replaced by a new one, unless that happens all the time. */
  private ended(client: LanguageClient, what: string): void {
    // Stopped on purpose, or said already.
    if (this.client !== client || this.dead === client) return;
    this.dead = client;
    this.leaveAll("the server ended unexpectedly");
    const isLast = !this.crashes.mayRestart(Date.now());
    const why = isLast ? `${what}, several times, and is not started again` : what;
    this.parts.log.error(why);
    this.health({ kind: isLast ? "stopped" : "restarting", why });
    void this.enqueue(async () => {
      // Somebody has restarted it meanwhile.
      if (this.client !== client) return;
      await this.stopNow();
      if (!isLast) await this.startNow("restarting");
    });
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.leaveAll("the server was stopped");
    if (!client) return;
    try {
      await client.dispose();
    } catch (error) {
      // It is gone already, or does not answer; there is nothing to be done about it here.
      this.parts.log.warn(`while the server was stopped: ${String(error)}`);
    }
  }

  private leaveAll(why: string): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const leave of waiting) leave(new NoServer(why, true));
  }

  private options(ended: () => void): LanguageClientOptions {
    return {
      documentSelector: helped,
      outputChannel: this.parts.log,
      traceOutputChannel: this.parts.log,
      initializationOptions: () => ({
        notifications: ["status", "targets", "ports", "monitor", "build"],
        clipboard: true,
        workspaceTrusted: vscode.workspace.isTrusted,
      }),
      middleware: {
        // A click on a code lens is shown like a command from the palette.
        executeCommand: (command, args: unknown[], next): unknown => {
          const own = shown[command];
          return own ? vscode.commands.executeCommand(own, args[0]) : next(command, args);
        },
      },
      // Not once more, and without a message of its own.
      initializationFailedHandler: () => false,
      errorHandler: {
        // One message that cannot be read or sent is no reason to stop.
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          ended();
          // A client that is started a second time may still be busy with its first end.
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
    };
  }
}

/** This process's, with the ESP-IDF that its own extension was told of. */
function environment(): NodeJS.ProcessEnv {
  const idf = vscode.workspace.getConfiguration("idf");
  // What a workspace says does not count: it would say which programs are run.
  const set = (name: string) => idf.inspect<string>(name)?.globalValue;
  return { ...espIdf(set, process.platform === "win32", process.env), ...process.env };
}
