/** A job's progress as a notification with a bar and a Cancel button. */

import * as vscode from "vscode";

import type { Status } from "../protocol.ts";
import * as say from "../say.ts";

/** A job that is over sooner shows nothing but the status bar's spinner. */
const DELAY_MS = 400;

export type Place = "notification" | "statusBar" | "off";

/** What is shown, and where. */
export interface Shown {
  place: Place;
  title: string;
  /** Tells where the job stands, now and whenever that changes. */
  follow: (listener: (status: Status) => void) => { dispose(): void };
}

/**
 * Runs `work` and shows how it goes. The token that `work` gets is raised when the person cancels
 * it here or by `outer`.
 */
export async function show<T>(
  { place, title, follow }: Shown,
  outer: vscode.CancellationToken | undefined,
  work: (cancel: vscode.CancellationToken) => Promise<T>,
): Promise<T> {
  const source = new vscode.CancellationTokenSource();
  const relay = outer?.onCancellationRequested(() => {
    source.cancel();
  });
  if (outer?.isCancellationRequested) source.cancel();
  let isAsking = false;
  let isDue = false;
  const job = work(source.token);
  const openIfDue = () => {
    // A question needs no second message.
    if (!isDue || isAsking) return;
    isDue = false;
    void open(title, job, source, follow);
  };
  const following = follow(({ phase }) => {
    isAsking = phase === "asking";
    openIfDue();
  });
  const timer = setTimeout(() => {
    isDue = place === "notification";
    openIfDue();
  }, DELAY_MS);
  try {
    return await job;
  } finally {
    clearTimeout(timer);
    following.dispose();
    relay?.dispose();
    source.dispose();
  }
}

async function open(
  title: string,
  job: Promise<unknown>,
  source: vscode.CancellationTokenSource,
  follow: Shown["follow"],
): Promise<void> {
  await say.progress(title, async (report, cancel) => {
    cancel.onCancellationRequested(() => {
      source.cancel();
      report({ message: "stopping" });
    });
    let drawn = 0;
    const following = follow(({ text, percent }) => {
      if (source.token.isCancellationRequested) return;
      report({ message: text.sentence, increment: Math.max(0, percent - drawn) });
      drawn = Math.max(drawn, percent);
    });
    // The caller reports how it ended.
    await job.catch(() => undefined);
    following.dispose();
  });
}
