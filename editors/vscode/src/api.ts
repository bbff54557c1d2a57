/**
 * What other extensions can do with this one.
 *
 * A serial monitor lets go of its port when a deploy is about to begin, and takes it again when it
 * is over:
 *
 * ```ts
 * const fbuild = await vscode.extensions.getExtension<FbuildApi>("fbuild.fbuild-lsp")?.activate();
 * fbuild?.onWillDeploy((event) => event.waitUntil(monitor.close()));
 * fbuild?.onDidDeploy((event) => void monitor.open(event.outcome?.port));
 * ```
 */

import type { Outcome } from "./protocol.ts";

/** What needs the port. */
export type WorkKind = "deploy" | "verify" | "plan" | "boardInfo" | "eraseFlash";

export interface WillDeployEvent {
  readonly kind: WorkKind;
  /** The port, as far as it is known beforehand; `undefined` may turn out to be any. */
  readonly port: string | undefined;
  /** The deploy begins when all of these are done, but waits for three seconds at most. */
  waitUntil(done: PromiseLike<unknown>): void;
}

export interface DidDeployEvent {
  readonly kind: WorkKind;
  /** What became of it, if it was a deploy, a verify or a plan. */
  readonly outcome: Outcome | undefined;
}

export interface Subscription {
  dispose(): void;
}

export interface FbuildApi {
  readonly apiVersion: 1;
  /** Before the port is opened. */
  onWillDeploy(listener: (event: WillDeployEvent) => void): Subscription;
  /** After the port was closed, however it went. */
  onDidDeploy(listener: (event: DidDeployEvent) => void): Subscription;
}
