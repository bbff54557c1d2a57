/** Which of the open folders a command is for. */

import type { Targets } from "../protocol.ts";

export interface Folder {
  name: string;
  /** Absolute. */
  path: string;
}

/** Which folders have something to deploy, or will have once it is built. */
export function withProject(folders: readonly Folder[], targets: Targets | undefined): Folder[] {
  const places = [
    ...(targets?.targets ?? []).map((target) => target.root),
    ...(targets?.unbuilt ?? []).map((unbuilt) => unbuilt.lookedFor),
  ];
  return folders.filter((folder) => places.some((place) => isBelow(place, folder.path)));
}

/**
 * The folder of the document that was looked at last, if it has a project; else the only folder
 * that has one. `undefined`: the server decides, by what was chosen and built.
 */
export function choose(
  folders: readonly Folder[],
  targets: Targets | undefined,
  lookedAt: string | undefined,
): Folder | undefined {
  if (folders.length <= 1) return folders[0];
  const projects = withProject(folders, targets);
  const around = projects
    .filter((folder) => lookedAt !== undefined && isBelow(lookedAt, folder.path))
    .sort((a, b) => b.path.length - a.path.length);
  return around[0] ?? (projects.length === 1 ? projects[0] : undefined);
}

/** Whether a path is a folder or in it. */
export function isBelow(place: string, folder: string): boolean {
  return place === folder || place.startsWith(`${folder}/`) || place.startsWith(`${folder}\\`);
}
