/**
 * Try It on a Simulated Board: deploys the example that is inside the extension to a simulated
 * board. The first time everything is written; then the example's text is another one, and only
 * the sectors that differ are.
 */

import type { Desk } from "../desk.ts";
import type { Outcome } from "../protocol.ts";

const KEY = "demo.deploys";

export async function trySimulatedBoard(desk: Desk): Promise<Outcome> {
  const { globalState } = desk.context;
  const n = globalState.get(KEY, 0);
  // The example was built twice, with two greetings.
  const build = n % 2 === 0 ? "hello" : "goodbye";
  const outcome = await desk.jobs.deploy("deploy", {
    root: desk.context.asAbsolutePath(`demo/${build}`),
    port: "sim:?time=real",
    staleBuild: "ignore",
  });
  if (!outcome.error) await globalState.update(KEY, n + 1);
  return outcome;
}
