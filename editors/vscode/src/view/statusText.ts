/** The status bar item: the server's few words with an icon. Colours only for what needs care. */

import type { Text } from "../protocol.ts";
import type { Facts, Finished } from "./facts.ts";
import { next } from "./facts.ts";
import { label } from "./plain.ts";

export interface StatusText {
  text: string;
  /** The same for a screen reader. */
  spoken: string;
  colour: Text["level"];
}

export function statusText(facts: Facts): StatusText {
  const { health, running, latest } = facts;
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
      return latest ? result(latest, facts.hasFolders) : words("$(zap)", next(facts).short);
  }
}

function words(icon: string, spoken: string, colour: Text["level"] = "none"): StatusText {
  return { text: `${icon} ${label(spoken)}`, spoken, colour };
}

function result({ outcome, folder }: Finished, hasFolders: boolean): StatusText {
  const { short, level } = outcome.text;
  const said = hasFolders && folder ? `${folder.name}: ${short}` : short;
  if (outcome.outcome === "failed") return words("$(error)", said, "error");
  if (outcome.outcome === "cancelled") return words("$(circle-slash)", said, level);
  const good = words("$(check)", said);
  if (level === "none") return good;
  return { ...good, text: `${good.text} $(warning)`, spoken: `${said}, with a warning` };
}
