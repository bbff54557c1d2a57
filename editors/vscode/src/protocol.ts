/**
 * What the server says and is told. `docs/protocol.md` in the repository is the contract; these
 * types mirror it, field by field.
 */

export const Command = {
  deploy: "fbuild.server.deploy",
  verify: "fbuild.server.verify",
  plan: "fbuild.server.plan",
  cancel: "fbuild.server.cancel",
  targets: "fbuild.server.targets",
  selectTarget: "fbuild.server.selectTarget",
  ports: "fbuild.server.ports",
  selectPort: "fbuild.server.selectPort",
  boardInfo: "fbuild.server.boardInfo",
  eraseFlash: "fbuild.server.eraseFlash",
  jobs: "fbuild.server.jobs",
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

export type OutcomeName =
  "verifySkip" | "selectiveFlash" | "fullFlash" | "planned" | "cancelled" | "failed";

export interface Failure {
  code: string;
  message: string;
  boardState: string | null;
  remedy: string | null;
  isInput: boolean;
}

export interface Region {
  name: string;
  /** In bytes, as `size` is. */
  offset: number;
  size: number;
  verdict: "match" | "differs" | "unknown";
  written: boolean;
  bytesSent: number;
  sectors: number;
  sectorsDiffering: number | null;
  sectorsWritten: number;
}

export interface PlannedWrite {
  region: string;
  sectors: number;
  sectorsTotal: number;
  runs: number;
  wireBytes: number;
  predictedMs: number;
}

export interface Plan {
  predictedMs: number;
  writes: PlannedWrite[];
}

export interface Outcome {
  backend?: "native" | "esptool";
  outcome: OutcomeName;
  message: string;
  target: string;
  port: string;
  chip: string | null;
  mac: string | null;
  durationMs: number;
  regions: Region[];
  plan: Plan | null;
  warnings: string[];
  error: Failure | null;
}

export interface Target {
  name: string;
  tool: string;
  chip: string | null;
  root: string;
  foundIn: string;
  port: string | null;
  /** When the app was written: milliseconds since 1970, UTC. */
  builtMs: number | null;
  regions: { name: string; offset: number; file: string }[];
}

export interface Unbuilt {
  name: string;
  lookedFor: string;
  buildHint: string;
}

export interface Selection {
  root: string;
  target: string | null;
  port: string | null;
}

export interface Targets {
  targets: Target[];
  unbuilt: Unbuilt[];
  problems: Failure[];
  selected: Selection[];
}

export interface Port {
  name: string;
  likelyBoard: boolean;
  usb: { vid: number; pid: number; serialNumber: string | null; product: string | null } | null;
}

export interface Ports {
  ports: Port[];
}

export interface Board {
  port: string;
  chip: string;
  revision: string | null;
  mac: string | null;
  flash: { jedec: string; size: number } | null;
  security: { secureDownload: boolean; flashEncryption: boolean; secureBoot: boolean };
}

export interface BoardInfo {
  board: Board | null;
  isCancelled: boolean;
  error: Failure | null;
}

export interface Erased {
  outcome: "erased" | "cancelled" | "failed";
  message: string;
  port: string | null;
  chip: string | null;
  mac: string | null;
  durationMs: number;
  error: Failure | null;
}

export interface Jobs {
  jobs: { job: number; what: string; message: string; percent: number; port: string | null }[];
}

export interface PastDeploy {
  whenMs: number;
  target: string;
  root: string;
  outcome: OutcomeName;
  message: string;
  durationMs: number;
}

export interface History {
  boards: { mac: string | null; port: string; chip: string | null; deploys: PastDeploy[] }[];
}

/** `fbuild/status`: where a job stands. */
export interface Status {
  job: number;
  kind: "deploy" | "verify" | "plan" | "board info" | "erase";
  state: "running" | "succeeded" | "failed" | "cancelled";
  target: string | null;
  port: string | null;
  phase: string | null;
  region: string | null;
  percent: number;
  leftMs: number | null;
  summary: string;
}
