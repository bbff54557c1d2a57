/** The status bar item's tooltip, in Markdown: the server's, which is escaped, and this extension's own words. */

import type { Facts } from "./facts.ts";
import { next } from "./facts.ts";
import { markdown } from "./plain.ts";

const MENU = "\n\n---\n\nClick for all actions";

export function tooltip(facts: Facts): string {
  return words(facts) + MENU;
}

function words(facts: Facts): string {
  const { health, latest, running } = facts;
  if (running.length > 0) return running.map(({ text }) => text.detail).join("\n\n");
  switch (health.kind) {
    case "starting":
      return "fbuild-lsp is starting";
    case "restarting":
    case "stopped":
      return markdown(health.why);
    case "ready":
      // Tables in a tooltip have no room between their columns.
      return (latest?.outcome.text ?? next(facts)).detail.replaceAll("| ", "| &nbsp;&nbsp;");
  }
}
