/** Which `fbuild-lsp` is used: the first of a few places, and it must answer `--version`. */

import { execFile } from "node:child_process";
import * as os from "node:os";
import * as path from "node:path";

/** Where a server may be. */
export interface Candidate {
  file: string;
  /** The words a person knows the place by. */
  from: string;
  /** A person named it, so nothing else is taken instead. */
  isNamed: boolean;
}

export interface Places {
  environment: string | undefined;
  setting: string;
  bundled: string;
}

export type Found =
  | { file: string; from: string; version: string; tried: string[] }
  | { file: undefined; why: string; tried: string[] };

/** Long: a machine that is starting everything at once is not a reason to be without a server. */
const PATIENCE_MS = 30_000;

/** In the order in which they are tried. */
export function candidates(places: Places): Candidate[] {
  const named = (file: string, from: string) => ({ file: expandHome(file), from, isNamed: true });
  if (places.environment) return [named(places.environment, "FBUILD_LSP_PATH")];
  if (places.setting) return [named(places.setting, "the setting fbuild.server.path")];
  return [
    { file: places.bundled, from: "the extension", isNamed: false },
    { file: "fbuild-lsp", from: "PATH", isNamed: false },
  ];
}

function expandHome(file: string): string {
  return file.startsWith("~/") ? path.join(os.homedir(), file.slice(2)) : file;
}

/** The first candidate that is an `fbuild-lsp`. */
export async function find(places: Places): Promise<Found> {
  const tried: string[] = [];
  for (const { file, from, isNamed } of candidates(places)) {
    const answer = await version(file);
    if ("version" in answer) {
      tried.push(`${file} (${from}): fbuild-lsp ${answer.version}`);
      return { file, from, version: answer.version, tried };
    }
    tried.push(`${file} (${from}): ${answer.problem}`);
    if (isNamed) {
      const why = `${from} names ${file}, which cannot be used: ${answer.problem}`;
      return { file: undefined, why, tried };
    }
  }
  return {
    file: undefined,
    why:
      "no fbuild-lsp for this system was found, neither inside the extension nor in PATH; " +
      "install it, or name it in the setting fbuild.server.path",
    tried,
  };
}

async function version(file: string): Promise<{ version: string } | { problem: string }> {
  return new Promise((resolve) => {
    execFile(file, ["--version"], { timeout: PATIENCE_MS, windowsHide: true }, (error, stdout) => {
      const said = /^fbuild-lsp (\d\S*)/.exec(stdout)?.[1];
      if (said) resolve({ version: said });
      else if (error) resolve({ problem: problem(error) });
      else resolve({ problem: "it does not answer --version as fbuild-lsp does" });
    });
  });
}

function problem(error: Error & { code?: unknown; killed?: boolean }): string {
  if (error.killed) return `it did not answer --version in ${PATIENCE_MS / 1000} s`;
  if (typeof error.code === "number") return `--version ended with exit code ${error.code}`;
  if (error.code === "ENOENT") return "there is no such file";
  if (error.code === "EACCES") return "it is not a program, or may not be run";
  return error.message;
}
