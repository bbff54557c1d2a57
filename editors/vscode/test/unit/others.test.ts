import assert from "node:assert/strict";
import { test } from "node:test";

import { release } from "../../src/jobs/others.ts";

/** An extension of this name, which notes what it is asked for. */
function installed(isActive: boolean, hasApi = true) {
  const asked: unknown[] = [];
  const stopMonitoringPort = (port: string) => {
    asked.push(port);
    return Promise.resolve(true);
  };
  const getApi = (version: number, context: object) => {
    asked.push(version, context);
    return Promise.resolve(hasApi ? { stopMonitoringPort } : undefined);
  };
  const getExtension = (id: string) =>
    id === "ms-vscode.vscode-serial-monitor" ? { isActive, exports: { getApi } } : undefined;
  return { asked, extensions: { getExtension } as never };
}

test("Microsoft's Serial Monitor is asked for the port", async () => {
  const context = {};
  const { asked, extensions } = installed(true);
  await release(extensions, context, "/dev/ttyUSB0");
  assert.deepEqual(asked, [0, context, "/dev/ttyUSB0"]);
});

test("one that is not there, holds nothing, or has no interface is left alone", async () => {
  const { asked, extensions } = installed(false);
  await release(extensions, {}, "COM5");
  assert.deepEqual(asked, []);
  await release({ getExtension: () => undefined }, {}, "COM5");
  await release(installed(true, false).extensions, {}, "COM5");
});
