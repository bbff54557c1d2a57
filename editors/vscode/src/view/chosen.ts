/**
 * What a deploy would take, as far as a client can tell: for showing only. The server decides, by
 * the rules of `docs/protocol.md`.
 */

import type { Facts } from "./facts.ts";
import { isBelow } from "./folder.ts";

/** A target's name. `undefined`: there is none. */
export function chosenTarget({ targets, folder, setting }: Facts): string | undefined {
  const here = (targets?.targets ?? []).filter(
    (target) => !folder || isBelow(target.root, folder.path),
  );
  const selected = targets?.selected.find(({ root }) => root === folder?.path)?.target;
  if (selected) return selected;
  if (setting.target) return setting.target;
  const newest = [...here].sort((a, b) => (b.builtMs ?? 0) - (a.builtMs ?? 0));
  return newest[0]?.name;
}

/** A port's name. `undefined`: nothing is plugged in, or there are several. */
export function chosenPort({ targets, ports, folder, setting }: Facts): string | undefined {
  const selected = targets?.selected.find(({ root }) => root === folder?.path)?.port;
  if (selected) return selected;
  if (setting.port) return setting.port;
  const boards = (ports?.ports ?? []).filter(({ likelyBoard }) => likelyBoard);
  return boards.length === 1 ? boards[0]?.name : undefined;
}
