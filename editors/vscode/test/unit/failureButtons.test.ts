import assert from "node:assert/strict";
import { test } from "node:test";

import { buttons, message, NO_SERVER, SERVER_STOPPED } from "../../src/jobs/failureButtons.ts";
import { busy } from "./examples.ts";

test("what can be done depends on the cause", () => {
  const of = (code: string) => buttons({ ...busy, code });
  assert.deepEqual(of("port-busy"), ["Retry", "Choose Port", "Show Log"]);
  assert.deepEqual(of("differs"), ["Deploy", "Show Log"]);
  assert.deepEqual(of("not-proved"), ["Retry", "Deploy Full", "Show Log"]);
  assert.deepEqual(of("stale-build"), ["Deploy Anyway", "Show Log"]);
  assert.deepEqual(of(SERVER_STOPPED), ["Retry", "Show Log"]);
  assert.deepEqual(of(NO_SERVER), ["Restart Server", "Show Log"]);
  const noPort = { ...busy, code: "no-port" };
  assert.deepEqual(buttons(noPort, true), ["Retry", "Choose Port", "Show Log"]);
  assert.deepEqual(buttons(noPort, false), ["Choose Port", "Manage Trust"]);
  assert.deepEqual(of("a-code-of-next-year"), ["Retry", "Show Log"]);
});

test("a message is sentences: cause, state, remedy", () => {
  const failure = { ...busy, boardState: "nothing was written", remedy: "close it." };
  assert.equal(
    message("Deploy", failure),
    "Deploy: port /dev/ttyUSB0 is in use by another program. Nothing was written. Close it.",
  );
  assert.equal(
    message("Deploy", { ...busy, remedy: "" }),
    "Deploy: port /dev/ttyUSB0 is in use by another program.",
  );
});
