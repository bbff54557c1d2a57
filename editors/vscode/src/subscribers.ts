/** The subscribers of {@link FbuildApi}: called in turn, and none of them can hold a deploy up. */

import type { DidDeployEvent, FbuildApi, Subscription, WillDeployEvent, WorkKind } from "./api.ts";

/** How long a deploy waits for all subscribers together. */
const PATIENCE_MS = 3000;

export class Subscribers {
  private readonly before = new Set<(event: WillDeployEvent) => void>();
  private readonly after = new Set<(event: DidDeployEvent) => void>();
  private readonly complain: (text: string) => void;
  private readonly patienceMs: number;

  constructor(complain: (text: string) => void, patienceMs = PATIENCE_MS) {
    this.complain = complain;
    this.patienceMs = patienceMs;
  }

  readonly api: FbuildApi = {
    apiVersion: 1,
    onWillDeploy: (listener) => subscribe(this.before, listener),
    onDidDeploy: (listener) => subscribe(this.after, listener),
  };

  /** Returns when every subscriber is done, or has had its time. */
  async willDeploy(kind: WorkKind, port: string | undefined): Promise<void> {
    const waits: Promise<unknown>[] = [];
    const waitUntil = (done: PromiseLike<unknown>) => {
      waits.push(
        Promise.resolve(done).catch((error: unknown) => {
          this.complain(`a subscriber of onWillDeploy failed: ${String(error)}`);
        }),
      );
    };
    this.tell(this.before, { kind, port, waitUntil }, "onWillDeploy");
    if (waits.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, this.patienceMs, "late");
    });
    const first = await Promise.race([Promise.all(waits), late]);
    clearTimeout(timer);
    if (first === "late") {
      this.complain("a subscriber of onWillDeploy took too long; the deploy goes on without it");
    }
  }

  didDeploy(event: DidDeployEvent): void {
    this.tell(this.after, event, "onDidDeploy");
  }

  private tell<E>(listeners: Set<(event: E) => void>, event: E, name: string): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.complain(`a subscriber of ${name} failed: ${String(error)}`);
      }
    }
  }
}

function subscribe<L>(listeners: Set<L>, listener: L): Subscription {
  listeners.add(listener);
  return { dispose: () => listeners.delete(listener) };
}
