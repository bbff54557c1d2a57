/** The status bar item's tooltip, in Markdown: the server's, which is escaped, and this extension's own words. */

import type { Facts } from "./facts.ts";
import { next } from "./facts.ts";
import { markdown } from "./plain.ts";
import { isAsking } from "./statusText.ts";

export function tooltip(facts: Facts): string {
  const click = isAsking(facts) ? "Click for the question" : "Click for all actions";
  return `${words(facts)}\n\n---\n\n${click}`;
}

function words(facts: Facts): string {
  const { health, latest, running, crash } = facts;
  if (running.length > 0) return running.map(({ text }) => text.detail).join("\n\n");
  switch (health.kind) {
    case "starting":
      return "fbuild-lsp is starting";
    case "restarting":
    case "stopped":
      return markdown(health.why);
    case "ready": {
      if (crash) return crash.detail;
      const { detail, unfinished } = next(facts);
      const idle = unfinished ? `${unfinished.detail}\n\n${detail}` : detail;
      // Tables in a tooltip have no room between their columns.
      return (latest?.outcome.text.detail ?? idle).replaceAll("| ", "| &nbsp;&nbsp;");
    }
  }
}
