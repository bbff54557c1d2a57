/** Work on a board, from a click to its result. Everything that starts a job comes through here. */

import * as vscode from "vscode";

import type { WorkKind } from "../api.ts";
import type { Model } from "../model.ts";
import type { Button, DeployArguments, Ended, Outcome, Text } from "../protocol.ts";
import { Command } from "../protocol.ts";
import type { Server } from "../server/connection.ts";
import * as say from "../say.ts";
import { NoServer } from "../server/connection.ts";
import { save, unsaved } from "../server/documents.ts";
import type { Subscribers } from "../subscribers.ts";
import type { Health } from "../view/facts.ts";
import { next, project } from "../view/facts.ts";
import { markdown } from "../view/plain.ts";
import type { Place, Shown } from "./progress.ts";
import { show } from "./progress.ts";

/** What compares or writes a target. */
export type DeployKind = "deploy" | "verify" | "plan";

export interface Watch {
  /** What goes on, in a line. */
  step?: (line: string) => void;
  cancel?: vscode.CancellationToken;
  /** Whoever started it tells of a failure. */
  isQuiet?: boolean;
}

/** A failure to be told, with something to do about it. */
export type Told = Pick<Text, "sentence" | "buttons">;

interface Parts {
  server: Server;
  model: Model;
  subscribers: Subscribers;
}

export class Jobs {
  private readonly parts: Parts;
  private n = 0;
  readonly showFailure: (told: Told) => void;

  constructor(parts: Parts, showFailure: (told: Told) => void) {
    this.parts = parts;
    this.showFailure = showFailure;
  }

  /** Deploys, verifies or plans. Every failure is an outcome, also that of a server that is gone. */
  async deploy(kind: DeployKind, given: DeployArguments, watch: Watch = {}): Promise<Outcome> {
    const { model } = this.parts;
    const { folder } = model.facts;
    const isOpen = given.root === undefined && given.uri === undefined;
    const meant = isOpen ? project(model.facts) : given.root;
    const where = isOpen && meant !== undefined ? { root: meant } : {};
    if (kind === "deploy") await save();
    const args = { ...given, ...where, unsaved: unsaved() };
    const startedMs = Date.now();
    const title = args.mode === "full" ? "Full deploy" : TITLES[kind];
    const outcome = await this.work<Outcome>(kind, title, Command[kind], args, watch).catch(
      (error: unknown) => unanswered(kind, given, error, model.facts.health),
    );
    // Without a server the status bar says that already, and it is no result.
    if (outcome.error?.code !== "no-server") {
      // What it built itself is what it is about.
      const asOfMs = outcome.build ? Date.now() : startedMs;
      model.update((facts) => ({ ...facts, latest: { outcome, folder, root: meant, asOfMs } }));
    }
    if (outcome.error && !watch.isQuiet) this.showFailure(outcome.text);
    return outcome;
  }

  /** Work that needs a port. Throws {@link NoServer} if the server is gone. */
  async work<T extends Outcome | object>(
    kind: WorkKind,
    title: string,
    command: string,
    args: DeployArguments,
    watch: Watch = {},
  ): Promise<T> {
    const { model, subscribers } = this.parts;
    await subscribers.willDeploy(kind, args.port ?? next(model.facts).port ?? undefined);
    let outcome: Outcome | undefined;
    try {
      const done = await this.shown<T>(title, command, args, watch);
      if ("regions" in done) outcome = done;
      return done;
    } finally {
      subscribers.didDeploy({ kind, outcome });
    }
  }

  /** Builds what a deploy would take. No port is needed. */
  async build(given: DeployArguments): Promise<Ended> {
    await save();
    const root = project(this.parts.model.facts);
    const args = { ...(root !== undefined && { root }), ...given };
    const built = await this.shown<Ended>("Build", Command.build, args);
    if (built.error) this.showFailure(built.text);
    else say.done(built.text.short);
    return built;
  }

  /** Asks for a job, and shows how it goes. */
  private async shown<T>(
    title: string,
    command: string,
    args: DeployArguments,
    watch: Watch = {},
  ): Promise<T> {
    const { model, server } = this.parts;
    const token = `fbuild-vscode/${++this.n}`;
    const follow: Shown["follow"] = (listener) =>
      model.follow(({ running }) => {
        const job = running.find((status) => status.token === token);
        if (job) listener(job);
      });
    const following = follow(({ text }) => watch.step?.(text.lines.join(" ")));
    const place = vscode.workspace.getConfiguration("fbuild").get<Place>("progress");
    try {
      const shown = { place: place ?? "notification", title, follow };
      return await show(shown, watch.cancel, (cancel) =>
        server.run<T>(command, args, { cancel, token }),
      );
    } finally {
      following.dispose();
    }
  }
}

const TITLES = { deploy: "Deploy", verify: "Verify", plan: "Plan" };

/** The outcome of a request that was refused, or that nobody lived to answer. */
function unanswered(
  kind: DeployKind,
  given: DeployArguments,
  error: unknown,
  health: Health,
): Outcome {
  const why = error instanceof Error ? error.message : String(error);
  const isGone = error instanceof NoServer;
  const wasAsked = isGone && error.wasAsked;
  const code = wasAsked ? "server-stopped" : isGone ? "no-server" : "refused";
  const message = code === "no-server" && health.kind === "stopped" ? health.why : why;
  const isLeft = wasAsked && kind === "deploy";
  const boardState = isLeft ? "The next deploy repairs what it left behind." : null;
  const sentence = [`${TITLES[kind]} failed: ${message}.`, boardState].filter(Boolean).join(" ");
  const retry = { title: "Retry", command: Command[kind], arguments: [given] };
  return {
    outcome: "failed",
    message: `${kind} failed: ${message}`,
    target: given.target ?? "",
    port: given.port ?? "",
    chip: null,
    mac: null,
    durationMs: 0,
    regions: [],
    plan: null,
    warnings: [],
    error: { code, message, boardState, remedy: null, isInput: false },
    text: {
      short: code.replaceAll("-", " "),
      sentence,
      detail: markdown(sentence),
      lines: [sentence],
      level: "error",
      buttons: [code === "no-server" ? RESTART : retry],
    },
  };
}

/** What can be done without a server. */
export const RESTART: Button = {
  title: "Restart Server",
  command: "fbuild.restartServer",
  arguments: [],
};
