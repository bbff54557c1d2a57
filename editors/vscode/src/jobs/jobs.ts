/** Work on a board, from a click to its result. Everything that starts a job comes through here. */

import * as vscode from "vscode";

import type { WorkKind } from "../api.ts";
import type { Model } from "../model.ts";
import type { DeployArguments, Failure, Outcome } from "../protocol.ts";
import { Command } from "../protocol.ts";
import type { Server } from "../server/connection.ts";
import { NoServer } from "../server/connection.ts";
import { unsaved } from "../server/documents.ts";
import type { Subscribers } from "../subscribers.ts";
import { chosenPort } from "../view/chosen.ts";
import { withFinished } from "../view/facts.ts";
import { sentence } from "../view/words.ts";
import { NO_SERVER, SERVER_STOPPED } from "./failureButtons.ts";
import type { Place } from "./progress.ts";
import { show } from "./progress.ts";

/** What compares or writes a target. */
export type DeployKind = "deploy" | "verify" | "plan";

export interface Watch {
  /** A step in words. */
  step?: (words: string) => void;
  cancel?: vscode.CancellationToken;
  /** Whoever started it tells of a failure. */
  isQuiet?: boolean;
}

/** Tells a person of a failure, with something to do about it. */
export type ShowFailure = (
  title: string,
  outcome: Outcome,
  kind: DeployKind,
  given: DeployArguments,
) => void;

export class Jobs {
  private readonly server: Server;
  private readonly model: Model;
  private readonly subscribers: Subscribers;
  showFailure: ShowFailure = () => undefined;

  constructor(server: Server, model: Model, subscribers: Subscribers) {
    this.server = server;
    this.model = model;
    this.subscribers = subscribers;
  }

  /** Deploys, verifies or plans. Every failure is an outcome, also that of a server that is gone. */
  async deploy(kind: DeployKind, given: DeployArguments, watch: Watch = {}): Promise<Outcome> {
    const { folder } = this.model.facts;
    const isOpen = given.root === undefined && given.uri === undefined;
    const where = isOpen && folder ? { root: folder.path } : {};
    const args = { ...given, ...where, unsaved: unsaved() };
    const startedMs = Date.now();
    const outcome = await this.asOutcome(kind, args, watch);
    // Without a server the status bar says that already, and it is no result.
    if (outcome.error?.code !== NO_SERVER) {
      this.model.update((facts) => withFinished(facts, { outcome, folder, startedMs }));
    }
    if (outcome.error && !watch.isQuiet) {
      this.showFailure(capital(kind), outcome, kind, given);
    }
    return outcome;
  }

  /** Other work that needs a port. Throws {@link NoServer} if the server is gone. */
  async onBoard<T>(kind: WorkKind, title: string, command: string, args: object): Promise<T> {
    return this.work<T>(kind, title, command, args, {}, () => undefined);
  }

  private async asOutcome(kind: DeployKind, args: DeployArguments, watch: Watch): Promise<Outcome> {
    const title = capital(args.mode === "full" ? "full deploy" : kind);
    try {
      return await this.work<Outcome>(kind, title, Command[kind], args, watch, (done) => done);
    } catch (error) {
      return unanswered(kind, args, this.reason(error));
    }
  }

  private reason(error: unknown): { code: string; message: string } {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof NoServer)) return { code: "refused", message };
    if (error.wasAsked) return { code: SERVER_STOPPED, message };
    const { health } = this.model.facts;
    return { code: NO_SERVER, message: health.kind === "stopped" ? health.why : message };
  }

  private async work<T>(
    kind: WorkKind,
    title: string,
    command: string,
    args: DeployArguments,
    watch: Watch,
    outcomeOf: (done: T) => Outcome | undefined,
  ): Promise<T> {
    await this.subscribers.willDeploy(kind, args.port ?? chosenPort(this.model.facts));
    let done: T | undefined;
    try {
      const isAsking = () => this.model.facts.running.some(({ phase }) => phase === "asking");
      const shown = { place: progressPlace(), title, isAsking };
      done = await show(shown, watch.cancel, (step, cancel) =>
        this.server.run<T>(command, args, {
          cancel,
          progress: (report) => {
            step(report);
            if (report.message) watch.step?.(sentence(report.message));
          },
        }),
      );
      return done;
    } finally {
      this.subscribers.didDeploy({
        kind,
        outcome: done === undefined ? undefined : outcomeOf(done),
      });
    }
  }
}

function progressPlace(): Place {
  return vscode.workspace.getConfiguration("fbuild").get<Place>("progress", "notification");
}

/** The outcome of a request that was refused, or that nobody lived to answer. */
function unanswered(
  kind: DeployKind,
  args: DeployArguments,
  { code, message }: { code: string; message: string },
): Outcome {
  const mayBeHalf = code === SERVER_STOPPED && kind === "deploy";
  const failure: Failure = {
    code,
    message,
    boardState: mayBeHalf ? "the next deploy repairs what it left behind" : null,
    remedy: null,
    isInput: false,
  };
  return {
    outcome: "failed",
    message: `${kind} failed: ${message}`,
    target: args.target ?? "",
    port: args.port ?? "",
    chip: null,
    mac: null,
    durationMs: 0,
    regions: [],
    plan: null,
    warnings: [],
    error: failure,
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
