/** The status bar item: the server's few words with an icon. Colours only for what needs care. */

import * as path from "node:path";

import type { Text } from "../protocol.ts";
import type { Facts } from "./facts.ts";
import { next, project } from "./facts.ts";
import { label } from "./plain.ts";

export interface StatusText {
  text: string;
  /** The same for a screen reader. */
  spoken: string;
  colour: Text["level"];
}

export function statusText(facts: Facts): StatusText {
  const { health, running, latest, crash } = facts;
  const job = running.at(-1);
  if (job) {
    const more = running.length > 1 ? ` (+${running.length - 1})` : "";
    const what = facts.showsProgress ? job.text.short : `fbuild: ${job.kind}`;
    return words("$(sync~spin)", what + more);
  }
  switch (health.kind) {
    case "starting":
      return words("$(loading~spin)", "fbuild");
    case "restarting":
      return words("$(loading~spin)", "fbuild: server restarts");
    case "stopped":
      return words("$(error)", "fbuild: no server", "error");
    case "ready":
      if (crash) return words("$(bug)", crash.short, crash.level);
      return latest ? result(latest, facts) : idle(facts);
  }
}

/** Whether a job waits for an answer. Its question may be out of sight by now. */
export function isAsking({ running }: Facts): boolean {
  return running.some(({ phase }) => phase === "asking");
}

function idle(facts: Facts): StatusText {
  const { front, folder } = facts;
  const { short, unfinished } = next(facts);
  if (unfinished) return words("$(warning)", unfinished.short, unfinished.level);
  const isInner = front && front.root !== folder?.path;
  const where = isInner ? `${path.basename(front.root)}: ` : "";
  return words("$(circuit-board)", where + short);
}

function words(icon: string, spoken: string, colour: Text["level"] = "none"): StatusText {
  return { text: `${icon} ${label(spoken)}`, spoken, colour };
}

function result({ outcome, folder, root }: NonNullable<Facts["latest"]>, facts: Facts): StatusText {
  const { short, level } = outcome.text;
  const isElsewhere = root !== undefined && root !== project(facts);
  const name = facts.hasFolders ? folder?.name : isElsewhere ? path.basename(root) : undefined;
  const said = name === undefined ? short : `${name}: ${short}`;
  if (outcome.outcome === "failed") return words("$(error)", said, "error");
  if (outcome.outcome === "cancelled") return words("$(circle-slash)", said, level);
  const icon = outcome.outcome === "planned" ? "$(list-ordered)" : "$(check)";
  const good = words(icon, said);
  if (level === "none") return good;
  return { ...good, text: `${good.text} $(warning)`, spoken: `${said}, with a warning` };
}
