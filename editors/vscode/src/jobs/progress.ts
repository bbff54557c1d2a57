/** A job's progress as a notification with a bar and a Cancel button. */

import * as vscode from "vscode";
import type { WorkDoneProgressReport } from "vscode-languageclient/node";

import * as say from "../say.ts";
import { sentence } from "../view/words.ts";

/** A job that is over sooner shows nothing but the status bar's spinner. */
const DELAY_MS = 400;

export type Place = "notification" | "statusBar" | "off";

type Step = (step: WorkDoneProgressReport) => void;

/** What is shown, and where. */
export interface Shown {
  place: Place;
  title: string;
  /** Whether the person is being asked something, which needs no second message. */
  isAsking: () => boolean;
}

/**
 * Runs `work` and shows how it goes. The token that `work` gets is raised when the person cancels
 * it here or by `outer`.
 */
export async function show<T>(
  { place, title, isAsking }: Shown,
  outer: vscode.CancellationToken | undefined,
  work: (step: Step, cancel: vscode.CancellationToken) => Promise<T>,
): Promise<T> {
  const source = new vscode.CancellationTokenSource();
  const relay = outer?.onCancellationRequested(() => {
    source.cancel();
  });
  if (outer?.isCancellationRequested) source.cancel();
  let last: WorkDoneProgressReport | undefined;
  let draw: Step | undefined;
  let isDue = false;
  let isOpen = false;
  const openIfDue = () => {
    if (!isDue || isOpen || isAsking()) return;
    isOpen = true;
    void open(title, job, source, (drawer) => {
      draw = drawer;
      if (last) draw(last);
    });
  };
  const job = work((step) => {
    last = step;
    draw?.(step);
    openIfDue();
  }, source.token);
  const timer = setTimeout(() => {
    isDue = place === "notification";
    openIfDue();
  }, DELAY_MS);
  try {
    return await job;
  } finally {
    clearTimeout(timer);
    isDue = false;
    relay?.dispose();
    source.dispose();
  }
}

async function open(
  title: string,
  job: Promise<unknown>,
  source: vscode.CancellationTokenSource,
  ready: (draw: Step) => void,
): Promise<void> {
  await say.progress(title, async (report, cancel) => {
    cancel.onCancellationRequested(() => {
      source.cancel();
      report({ message: "stopping" });
    });
    let shown = 0;
    ready((step) => {
      if (source.token.isCancellationRequested) return;
      const percent = step.percentage ?? shown;
      const increment = Math.max(0, percent - shown);
      shown = Math.max(shown, percent);
      report({ message: sentence(step.message ?? ""), increment });
    });
    // How it ended is for whoever started it.
    await job.catch(() => undefined);
  });
}
