/** The status bar item's tooltip, in Markdown. */

import type { Outcome, Region } from "../protocol.ts";
import { chosenPort, chosenTarget } from "./chosen.ts";
import type { Facts } from "./facts.ts";
import { line, markdown } from "./plain.ts";
import { address, count, duration, size } from "./words.ts";

export function tooltip(facts: Facts): string {
  const { health, latest, running } = facts;
  if (running.length > 0) {
    return running.map((job) => markdown(`${job.kind}: ${job.summary}`)).join("\n\n") + MENU;
  }
  switch (health.kind) {
    case "starting":
      return "fbuild-lsp is starting";
    case "restarting":
    case "stopped":
      return markdown(health.why) + MENU;
    case "ready":
      return (latest ? describe(latest.outcome) : idle(facts)) + MENU;
  }
}

const MENU = "\n\n---\n\nClick for all actions";

/** What happened: message, table of the regions, board and time. */
export function describe(outcome: Outcome): string {
  const parts = [`**${markdown(capital(outcome.message))}**`];
  const { error } = outcome;
  if (error) {
    const more = [error.boardState, error.remedy].filter((text) => text !== null && text !== "");
    parts.push(...more.map((text) => markdown(capital(text ?? ""))));
  }
  parts.push(...outcome.warnings.map((text) => `$(warning) ${markdown(text)}`));
  if (outcome.regions.length > 0) parts.push(table(outcome.regions));
  const board = [
    outcome.chip?.toUpperCase(),
    outcome.mac,
    outcome.port && `on ${port(outcome.port)}`,
  ];
  const facts = [
    outcome.target && `Target: ${markdown(outcome.target)}`,
    outcome.chip && `Board: ${markdown(board.filter(Boolean).join(" "))}`,
    `Time: ${duration(outcome.durationMs)}${outcome.backend === "esptool" ? ", by esptool" : ""}`,
  ];
  parts.push(facts.filter(Boolean).join("  \n"));
  return parts.join("\n\n");
}

/** Tables in a tooltip have no room between their columns. */
const GAP = "&nbsp;&nbsp;";

/** Where a simulated board keeps its flash matters to nobody here. */
function port(name: string): string {
  return name.startsWith("sim:") ? "a simulated board" : name;
}

function table(regions: readonly Region[]): string {
  const rows = regions.map(
    (region) =>
      `| ${markdown(region.name)} | ${GAP}${address(region.offset)} | ${GAP}${verdict(region)} ` +
      `| ${GAP}${sectors(region)} | ${GAP}${region.bytesSent > 0 ? size(region.bytesSent) : "–"} |`,
  );
  return [
    `| Region | ${GAP}Offset | ${GAP}On the board | ${GAP}Written | ${GAP}Sent |`,
    "| :-- | --: | :-- | --: | --: |",
    ...rows,
  ].join("\n");
}

function verdict(region: Region): string {
  switch (region.verdict) {
    case "match":
      return "matched";
    case "differs":
      return region.sectorsDiffering === null || region.sectorsDiffering === region.sectors
        ? "differed"
        : `differed in ${region.sectorsDiffering}`;
    case "unknown":
      return "unknown";
  }
}

function sectors(region: Region): string {
  if (!region.written) return "–";
  return `${region.sectorsWritten} of ${count(region.sectors, "sector")}`;
}

function idle(facts: Facts): string {
  const target = chosenTarget(facts);
  const chosen = chosenPort(facts);
  if (!target) {
    const hints = (facts.targets?.unbuilt ?? []).map((unbuilt) => unbuilt.buildHint);
    const hint = hints[0];
    return hint
      ? `Nothing is built yet. Build it with \`${line(hint).replaceAll("`", "")}\`.`
      : "There is nothing to deploy in this workspace yet.";
  }
  const chip = facts.targets?.targets.find(({ name }) => name === target)?.chip;
  return [
    `Target: ${markdown(target)}${chip ? ` (${markdown(chip.toUpperCase())})` : ""}`,
    `Board: ${chosen ? markdown(port(chosen)) : "none, or not chosen yet"}`,
  ].join("  \n");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
