/** Monitor. */

import type { Desk } from "../desk.ts";
import { root } from "../desk.ts";
import type { DeployArguments, MonitorStarted } from "../protocol.ts";
import { Command } from "../protocol.ts";

/** Listens to a board; what it prints comes by itself. */
export async function startMonitor(desk: Desk, given: DeployArguments): Promise<void> {
  const args = { ...root(desk), ...given };
  const started = await desk.server.run<MonitorStarted>(Command.monitorStart, args);
  if (started.error) desk.jobs.showFailure(started.text);
  if (started.monitor) desk.monitors.show(started.monitor.port);
}
