/** A plan as a page of plain text. */

import type { Outcome, Region } from "../protocol.ts";
import { line } from "./plain.ts";
import { address, duration, shortPort, size } from "./words.ts";

export function planText(outcome: Outcome): string {
  const { plan, regions } = outcome;
  const head = [
    `Plan for ${outcome.target} on ${shortPort(outcome.port)}`,
    [outcome.chip?.toUpperCase(), outcome.mac].filter(Boolean).join(" "),
    "",
  ];
  const rows = [
    ["Region", "Offset", "Size", "On the board", "Sectors to write", "To send", "Time"],
    ...regions.map((region) => row(region, outcome)),
  ];
  const total =
    plan && plan.writes.length > 0
      ? `A deploy would take about ${duration(plan.predictedMs)}.`
      : "The board holds this firmware already: there is nothing to write.";
  const warnings = outcome.warnings.map((text) => `Warning: ${text}`);
  return [...head, ...aligned(rows), "", total, ...warnings, ""].map(line).join("\n");
}

function row(region: Region, { plan }: Outcome): string[] {
  const write = plan?.writes.find(({ region: name }) => name === region.name);
  const verdict = { match: "the same", differs: "differs", unknown: "unknown" }[region.verdict];
  return [
    region.name,
    address(region.offset),
    size(region.size),
    verdict,
    write ? `${write.sectors} of ${write.sectorsTotal}` : "-",
    write ? size(write.wireBytes) : "-",
    write ? duration(write.predictedMs) : "-",
  ];
}

/** Columns under one another: words to the left, numbers to the right. */
function aligned(rows: string[][]): string[] {
  const isNumber = [false, true, true, false, true, true, true];
  const widths = isNumber.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return isNumber[i] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
