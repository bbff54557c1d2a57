/** What can be done about a failure with one click. */

import type { Failure } from "../protocol.ts";

export type Button =
  | "Retry"
  | "Choose Port"
  | "Choose Target"
  | "Deploy"
  | "Deploy Full"
  | "Deploy Anyway"
  | "Cancel the Other"
  | "Restart Server"
  | "Manage Trust"
  | "Show Log";

/** Failure of a request that the server did not live to answer. */
export const SERVER_STOPPED = "server-stopped";
/** Failure of a request that no server was there for. */
export const NO_SERVER = "no-server";

/** Most useful first; at most three. */
export function buttons(failure: Failure, isTrusted = true): Button[] {
  switch (failure.code) {
    case "not-trusted":
      return ["Manage Trust", "Show Log"];
    case "no-port":
      // Where the workspace is not trusted, its settings name no port.
      return isTrusted ? ["Retry", "Choose Port", "Show Log"] : ["Choose Port", "Manage Trust"];
    case "port-busy":
    case "port-not-found":
    case "port-name":
    case "port-open":
    case "port-permission":
    case "several-ports":
    case "no-loader":
    case "chip-mismatch":
      return ["Retry", "Choose Port", "Show Log"];
    case "no-target":
    case "unknown-target":
    case "ambiguous-target":
      return ["Choose Target", "Retry"];
    case "differs":
      return ["Deploy", "Show Log"];
    case "stale-build":
      return ["Deploy Anyway", "Show Log"];
    case "not-proved":
    case "link-lost":
    case "bad-reply":
      return ["Retry", "Deploy Full", "Show Log"];
    case "job-running":
      return ["Cancel the Other", "Show Log"];
    case NO_SERVER:
      return ["Restart Server", "Show Log"];
    default:
      return ["Retry", "Show Log"];
  }
}

/** The cause, what state the board is in, and what to do: as one message. */
export function message(title: string, failure: Failure): string {
  const sentences = [`${title}: ${failure.message}`, failure.boardState, failure.remedy];
  return sentences
    .filter((text): text is string => text !== null && text !== "")
    .map((text, index) => (index === 0 ? text : text.charAt(0).toUpperCase() + text.slice(1)))
    .map((text) => (/[.!?]$/.test(text) ? text : `${text}.`))
    .join(" ");
}
