/** Numbers and names as people read them. */

import * as path from "node:path";

/** `0.8 s`, `12 s`, `3 min 5 s`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** `4.0 KiB`, `1180 KiB`, `4 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  if (kib < 10) return `${kib.toFixed(1)} KiB`;
  if (kib >= 1024 && kib % 1024 === 0) return `${kib / 1024} MiB`;
  return `${Math.round(kib)} KiB`;
}

/** `1 sector`, `3 sectors`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** `0x10000`. */
export function address(offset: number): string {
  return `0x${offset.toString(16)}`;
}

/** `just now`, `5 min ago`, `2 days ago`. */
export function ago(thenMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - thenMs) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  return `${count(Math.floor(hours / 24), "day")} ago`;
}

/** A port as a status bar has room for it: `ttyUSB0`, `COM5`, `simulated board`. */
export function shortPort(port: string): string {
  if (port.startsWith("sim:")) return "simulated board";
  if (port.startsWith("/dev/")) return path.posix.basename(port);
  return port;
}

/**
 * The server's words without their percentage, which is the region's own: the bar shows the job's.
 * `firmware: writing 43 %, 512 of 1180 KiB` becomes `writing firmware, 512 of 1180 KiB`.
 */
export function sentence(message: string): string {
  const [, region, phase, rest] = /^([^\s:]+): (\w+)(?: \d+ %)?(.*)$/.exec(message) ?? [];
  return region === undefined ? message : `${phase ?? ""} ${region}${rest ?? ""}`;
}
