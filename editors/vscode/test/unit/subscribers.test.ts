import assert from "node:assert/strict";
import { test } from "node:test";

import { Subscribers } from "../../src/subscribers.ts";

test("a deploy waits for those who ask it to", async () => {
  const subscribers = new Subscribers((text) => assert.fail(text));
  let isClosed = false;
  subscribers.api.onWillDeploy((event) => {
    assert.deepEqual([event.kind, event.port], ["deploy", "COM5"]);
    event.waitUntil(
      new Promise<void>((resolve) =>
        setImmediate(() => {
          isClosed = true;
          resolve();
        }),
      ),
    );
  });
  await subscribers.willDeploy("deploy", "COM5");
  assert.ok(isClosed);
});

test("nobody can hold a deploy up, or break it", async () => {
  const complaints: string[] = [];
  const subscribers = new Subscribers((text) => complaints.push(text), 20);
  subscribers.api.onWillDeploy(() => {
    throw new Error("one");
  });
  subscribers.api.onWillDeploy((event) => {
    event.waitUntil(Promise.reject(new Error("two")));
  });
  subscribers.api.onWillDeploy((event) => {
    event.waitUntil(new Promise(() => undefined));
  });
  await subscribers.willDeploy("deploy", undefined);
  assert.deepEqual(
    complaints.map((text) => /one|two|too long/.exec(text)?.[0]),
    ["one", "two", "too long"],
  );
});

test("who has left hears nothing", () => {
  const subscribers = new Subscribers((text) => assert.fail(text));
  const heard: string[] = [];
  const first = subscribers.api.onDidDeploy(({ kind }) => heard.push(`first ${kind}`));
  subscribers.api.onDidDeploy(({ kind }) => heard.push(`second ${kind}`));
  first.dispose();
  subscribers.didDeploy({ kind: "verify", outcome: undefined });
  assert.deepEqual(heard, ["second verify"]);
});
