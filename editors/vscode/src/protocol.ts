/**
 * What the server says and is told. `docs/protocol.md` in the repository is the contract; these
 * types mirror what is used of it.
 */

export const Command = {
  deploy: "fbuild.server.deploy",
  verify: "fbuild.server.verify",
  plan: "fbuild.server.plan",
  build: "fbuild.server.build",
  cancel: "fbuild.server.cancel",
  targets: "fbuild.server.targets",
  selectTarget: "fbuild.server.selectTarget",
  ports: "fbuild.server.ports",
  selectPort: "fbuild.server.selectPort",
  boardInfo: "fbuild.server.boardInfo",
  eraseFlash: "fbuild.server.eraseFlash",
  monitorStart: "fbuild.server.monitor.start",
  monitorStop: "fbuild.server.monitor.stop",
  monitorWrite: "fbuild.server.monitor.write",
  monitorPlaces: "fbuild.server.monitor.places",
  showCrash: "fbuild.server.monitor.showCrash",
  history: "fbuild.server.history",
  debugInfo: "fbuild.server.debugInfo",
} as const;

/** Arguments of `deploy`, `verify` and `plan`. */
export interface DeployArguments {
  target?: string;
  port?: string;
  regions?: string[];
  mode?: "auto" | "full" | "verify";
  staleBuild?: "warn" | "error" | "ignore";
  build?: boolean;
  force?: boolean;
  unsaved?: string[];
  root?: string;
  uri?: string;
}

/** What the server wants to be shown, each part for a place of its own. */
export interface Text {
  /** For the status bar. */
  short: string;
  /** For a message, or beside a bar. */
  sentence: string;
  /** Markdown. */
  detail: string;
  /** For a terminal or a page. */
  lines: string[];
  level: "none" | "warning" | "error";
  buttons: Button[];
}

export interface Button {
  title: string;
  command: string;
  arguments: unknown[];
  /** What the person chooses first. */
  choose?: "port" | "target";
}

export interface Failure {
  code: string;
  message: string;
  boardState: string | null;
  remedy: string | null;
  isInput: boolean;
}

export interface Outcome {
  outcome: "verifySkip" | "selectiveFlash" | "fullFlash" | "planned" | "cancelled" | "failed";
  message: string;
  target: string;
  port: string;
  chip: string | null;
  mac: string | null;
  durationMs: number;
  /** As the contract has them; nothing here looks into them. */
  regions: { name: string; sectorsWritten: number }[];
  plan: unknown;
  warnings: string[];
  /** What was built first. */
  build?: object | null;
  error: Failure | null;
  text: Text;
}

export interface Target {
  name: string;
  chip: string | null;
  root: string;
  foundIn: string;
  /** When the app was written: milliseconds since 1970, UTC. */
  builtMs: number | null;
}

export interface Selection {
  root: string;
  target: string | null;
  port: string | null;
  next: Next;
}

/** What a deploy would take. */
export interface Next {
  target: string | null;
  port: string | null;
  short: string;
  /** Markdown. */
  detail: string;
  /** That the last deploy left the board half written. */
  unfinished: Text | null;
}

export interface Targets {
  targets: Target[];
  unbuilt: { name: string; lookedFor: string; buildHint: string }[];
  selected: Selection[];
}

export interface Port {
  name: string;
  likelyBoard: boolean;
  description: string;
}

export type Ports = { ports: Port[] };

export interface BoardInfo {
  board: { port: string; chip: string; mac: string | null } | null;
  error: Failure | null;
  facts?: { name: string; value: string }[];
  text: Text;
}

/** How an erase or a build ended. */
export interface Ended {
  outcome: "erased" | "built" | "cancelled" | "failed";
  error: Failure | null;
  text: Text;
}

export interface PastDeploy {
  whenMs: number;
  target: string;
  root: string;
  outcome: Outcome["outcome"];
  message: string;
  short: string;
}

export interface History {
  boards: { name: string; port: string; deploys: PastDeploy[] }[];
}

export interface MonitorStarted {
  monitor: { port: string } | null;
  error: Failure | null;
  text: Text;
}

/** Something that a line names; `line` and `column` count from 0. */
export interface LinePlace {
  start: number;
  length: number;
  function: string | null;
  uri: string;
  line: number;
  column: number;
}

/** `fbuild/monitor`: what a board prints. */
export interface MonitorNews {
  port: string;
  state: "open" | "lent" | "given" | "gone" | "ended";
  /** The one that has the port, or had it last. */
  job: number | null;
  text: string;
}

/** `fbuild/build`: what a build prints. */
export interface BuildNews {
  job: number;
  directory: string;
  state: "begun" | "running" | "ended";
  text: string;
}

/** `fbuild/status`: the state of a job. */
export interface Status {
  job: number;
  kind: string;
  outcome: string | null;
  state: "running" | "succeeded" | "failed" | "cancelled";
  target: string | null;
  port: string | null;
  phase: string | null;
  percent: number;
  /** Of the job's progress. */
  token: string | null;
  text: Text;
}
