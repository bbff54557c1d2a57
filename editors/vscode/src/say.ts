/**
 * The only module that shows messages, lists, questions and progress: nothing in them is a link, a
 * command or an icon that is not this extension's own. (eslint.config.mjs forbids the calls elsewhere.)
 */

import * as vscode from "vscode";

import { label, message } from "./view/plain.ts";

/** Shows a failure; the button that was clicked. */
export function failure(text: string, ...buttons: string[]): Thenable<string | undefined> {
  return vscode.window.showErrorMessage(message(text), ...buttons);
}

/** Shows something that needs care; the button that was clicked. */
export function warning(text: string, ...buttons: string[]): Thenable<string | undefined> {
  return vscode.window.showWarningMessage(message(text), ...buttons);
}

export function information(text: string): void {
  void vscode.window.showInformationMessage(message(text));
}

/** An entry of a list, with an icon in front of its label. */
export interface Choice extends vscode.QuickPickItem {
  icon?: string;
}

/** Lets a person choose. */
export function pick<T extends Choice>(
  items: readonly T[],
  options: vscode.QuickPickOptions,
): Thenable<T | undefined> {
  const title = label(options.title ?? "");
  return vscode.window.showQuickPick(items.map(shown), { ...options, title });
}

/** Lets a person choose several. */
export function pickSeveral<T extends Choice>(
  items: readonly T[],
  options: vscode.QuickPickOptions,
): Thenable<T[] | undefined> {
  return vscode.window.showQuickPick(items.map(shown), { ...options, canPickMany: true });
}

/** Lets a person choose from a list that may change while it is open: `fill` shows it, and anew. */
export function pickFrom<T extends Choice>(
  title: string,
  placeholder: string,
  fill: (show: (items: readonly T[]) => void) => { dispose(): void },
): Promise<T | undefined> {
  const picker = vscode.window.createQuickPick<T>();
  picker.title = label(title);
  picker.placeholder = placeholder;
  picker.matchOnDescription = true;
  const filling = fill((items) => {
    const [active] = picker.activeItems;
    picker.items = items.map(shown);
    const same = picker.items.find((item) => item.label === active?.label);
    if (same) picker.activeItems = [same];
  });
  picker.show();
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      resolve(picker.selectedItems[0]);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      filling.dispose();
      picker.dispose();
    });
  });
}

/** A list that the caller keeps control of. */
export function picker<T extends Choice>(items: readonly T[]): vscode.QuickPick<T> {
  const made = vscode.window.createQuickPick<T>();
  made.items = items.map(shown);
  return made;
}

function shown<T extends Choice>(item: T): T {
  const own = item.icon === undefined ? "" : `$(${item.icon}) `;
  const { description, detail } = item;
  return {
    ...item,
    label: own + label(item.label),
    ...(description !== undefined && { description: label(description) }),
    ...(detail !== undefined && { detail: label(detail) }),
  };
}

/** Asks for a text. All that is shown is this extension's own. */
export function question(options: vscode.InputBoxOptions): Thenable<string | undefined> {
  return vscode.window.showInputBox(options);
}

/** Says in the status bar, for a while, that something went well. */
export function done(text: string): void {
  vscode.window.setStatusBarMessage(`$(check) ${label(text)}`, 10_000);
}

export type Report = (step: { message: string; increment?: number }) => void;

/** A notification with a bar and a Cancel button, as long as `work` takes. */
export function progress(
  title: string,
  work: (report: Report, cancel: vscode.CancellationToken) => Promise<void>,
): Thenable<void> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: message(title),
    cancellable: true,
  };
  return vscode.window.withProgress(options, (shown, cancel) =>
    work((step) => {
      shown.report({ ...step, message: message(step.message) });
    }, cancel),
  );
}
