import assert from "node:assert/strict";
import { test } from "node:test";

import { espIdf } from "../../src/server/espIdf.ts";

test("the ESP-IDF of its extension's settings, old and new, is the one that builds", () => {
  const of = (settings: Record<string, string>, isWindows = false) =>
    espIdf((name) => settings[name], isWindows, { HOME: "/home/me" });
  assert.deepEqual(of({}), {});
  const old = {
    espIdfPath: "/idf",
    espIdfPathWin: "C:\\idf",
    toolsPath: "/t",
    toolsPathWin: "C:\\t",
  };
  assert.deepEqual(of(old), { IDF_PATH: "/idf", IDF_TOOLS_PATH: "/t" });
  assert.deepEqual(of(old, true), { IDF_PATH: "C:\\idf", IDF_TOOLS_PATH: "C:\\t" });
  assert.deepEqual(of({ espIdfPath: "${env:HOME}/idf" }), { IDF_PATH: "/home/me/idf" });
  assert.deepEqual(of({ currentSetup: "/v6", espIdfPath: "/idf" }), { IDF_PATH: "/v6" });
});
