/** The status bar item: a few words about what is the case now. Colours only for what needs care. */

import type { Failure, Outcome, Status } from "../protocol.ts";
import { chosenPort, chosenTarget } from "./chosen.ts";
import type { Facts, Finished } from "./facts.ts";
import { label } from "./plain.ts";
import { count, duration, shortPort } from "./words.ts";

export interface StatusText {
  text: string;
  /** The same for a screen reader. */
  spoken: string;
  colour: "none" | "warning" | "error";
}

export function statusText(facts: Facts): StatusText {
  const { health, running, latest } = facts;
  const job = running.at(-1);
  if (job) return busy(job, running.length, facts.showsProgress);
  switch (health.kind) {
    case "starting":
      return plain("$(loading~spin)", "fbuild");
    case "restarting":
      return plain("$(loading~spin)", "fbuild: server restarts");
    case "stopped":
      return { ...plain("$(error)", "fbuild: no server"), colour: "error" };
    case "ready":
      return latest ? result(latest, facts.hasFolders) : idle(facts);
  }
}

function plain(icon: string, words: string): StatusText {
  return { text: `${icon} ${words}`, spoken: words, colour: "none" };
}

function busy(job: Status, n: number, showsProgress: boolean): StatusText {
  const more = n > 1 ? ` (+${n - 1})` : "";
  return plain("$(sync~spin)", (showsProgress ? step(job) : `fbuild: ${job.kind}`) + more);
}

function step(job: Status): string {
  switch (job.phase) {
    case "verifying":
    case "writing":
    case "checking":
    case "erasing": {
      const what = job.region ? `${job.phase} ${label(job.region)}` : job.phase;
      return `${what} ${job.percent} %`;
    }
    case "asking":
      return `${job.kind}: waits for your answer`;
    case null:
    case "resolving":
      return job.kind;
    default:
      return `${job.kind}: ${job.phase}`;
  }
}

function result({ outcome, folder }: Finished, hasFolders: boolean): StatusText {
  const where = hasFolders && folder ? `${label(folder.name)}: ` : "";
  const warned = outcome.warnings.length > 0 ? " $(warning)" : "";
  const good = (words: string): StatusText => ({
    text: `$(check) ${where}${words}${warned}`,
    spoken: `fbuild: ${where}${words}${warned ? ", with a warning" : ""}`,
    colour: "none",
  });
  const time = duration(outcome.durationMs);
  switch (outcome.outcome) {
    case "verifySkip":
      return good(`up to date · ${time}`);
    case "selectiveFlash":
      return good(`${written(outcome)} · ${time}`);
    case "fullFlash":
      return good(`full flash · ${time}`);
    case "planned":
      return good(planned(outcome));
    case "cancelled": {
      const isMixed = outcome.regions.some((region) => region.written);
      return {
        ...plain("$(circle-slash)", `${where}cancelled`),
        colour: isMixed ? "warning" : "none",
      };
    }
    case "failed":
      return { ...plain("$(error)", `${where}${cause(outcome.error)}`), colour: "error" };
  }
}

/** `firmware · 3 sectors`, or with several regions their number. */
function written(outcome: Outcome): string {
  const regions = outcome.regions.filter((region) => region.written);
  const sectors = regions.reduce((sum, region) => sum + region.sectorsWritten, 0);
  const names = regions.length <= 2 ? regions.map(({ name }) => label(name)).join(", ") : undefined;
  return `${names ?? count(regions.length, "region")} · ${count(sectors, "sector")}`;
}

function planned({ plan }: Outcome): string {
  const writes = plan?.writes ?? [];
  if (writes.length === 0) return "nothing to write";
  const sectors = writes.reduce((sum, write) => sum + write.sectors, 0);
  return `${count(sectors, "sector")} to write`;
}

/** Words for causes whose code does not say it well. All others are their code. */
const CAUSES: Record<string, string> = {
  "no-loader": "no answer from the board",
  "no-port": "no board found",
  "several-ports": "several boards",
  "no-target": "nothing built",
  "job-running": "port busy",
  "port-permission": "no permission for the port",
  differs: "board differs",
  "link-lost": "connection lost",
  "chip-mismatch": "firmware is for another chip",
  "stale-build": "build is old",
};

export function cause(failure: Failure | null): string {
  if (!failure) return "failed";
  return CAUSES[failure.code] ?? failure.code.replaceAll("-", " ");
}

function idle(facts: Facts): StatusText {
  const target = chosenTarget(facts);
  if (!target) return plain("$(zap)", "fbuild: nothing built");
  const port = chosenPort(facts);
  return plain("$(zap)", `${label(target)} · ${port ? label(shortPort(port)) : "no board"}`);
}
