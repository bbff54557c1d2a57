/** Microsoft's Serial Monitor lets go of a port that is needed, where it is installed. */

import type * as vscode from "vscode";

/** What it exports, as its package @microsoft/vscode-serial-monitor-api 0.1.7 has it: version 0 of its interface. */
interface SerialMonitor {
  getApi(
    version: 0,
    context: object,
  ): Promise<{ stopMonitoringPort(port: string): Promise<boolean> } | undefined>;
}

type Extensions = Pick<typeof vscode.extensions, "getExtension">;

export async function release(extensions: Extensions, context: object, port: string) {
  const other = extensions.getExtension<SerialMonitor>("ms-vscode.vscode-serial-monitor");
  // One that is not active holds no port.
  if (!other?.isActive) return;
  const api = await other.exports.getApi(0, context);
  await api?.stopMonitoringPort(port);
}
