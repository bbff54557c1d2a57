import assert from "node:assert/strict";
import { test } from "node:test";

import {
  withChoice,
  withHealth,
  withSettings,
  withStatus,
  withTargets,
} from "../../src/view/facts.ts";
import { choose } from "../../src/view/folder.ts";
import { built, folder, next, ready, running, selective, targets } from "./examples.ts";

test("jobs come and go, each by its number", () => {
  const two = withStatus(withStatus(ready, running), { ...running, job: 8 });
  const later = withStatus(two, { ...running, percent: 90 });
  assert.deepEqual(
    later.running.map(({ job, percent }) => [job, percent]),
    [
      [7, 90],
      [8, 47],
    ],
  );
  const over = withStatus(later, { ...running, state: "failed" });
  assert.deepEqual(
    over.running.map(({ job }) => job),
    [8],
  );
});

test("a result stands until there is a newer fact", () => {
  const done = { ...ready, latest: { outcome: selective, folder, asOfMs: 1500 } };
  assert.ok(withTargets(done, structuredClone(targets)).latest, "the same again is no news");
  const other = { ...built, name: "espidf:other", builtMs: 5 };
  assert.ok(withTargets(done, { ...targets, targets: [built, other] }).latest);
  const rebuilt = { ...targets, targets: [{ ...built, builtMs: 2000 }] };
  assert.equal(withTargets(done, rebuilt).latest, undefined);
});

test("a choice makes a result old, the server's word of it does not", () => {
  const done = { ...ready, latest: { outcome: selective, folder, asOfMs: 1500 } };
  const chosen = { root: folder.path, target: null, port: "COM5", next };
  const now = withChoice(done, chosen);
  assert.equal(now.latest, undefined);
  assert.deepEqual(now.targets?.selected, [chosen]);
  const after = { ...now, latest: { outcome: selective, folder, asOfMs: 1600 } };
  assert.ok(withTargets(after, { ...targets, selected: [chosen] }).latest);
});

test("a result of other settings is old, that of another folder is not", () => {
  const done = { ...ready, latest: { outcome: selective, folder, asOfMs: 1500 } };
  const setting = { target: "", port: "COM5" };
  assert.equal(withSettings(done, folder, setting).latest, undefined);
  assert.ok(withSettings(done, folder, ready.setting).latest);
  assert.ok(withSettings(done, { name: "other", path: "/other" }, setting).latest);
});

test("nothing runs on a server that is gone", () => {
  const gone = withHealth(withStatus(ready, running), { kind: "restarting", why: "it crashed" });
  assert.deepEqual(gone.running, []);
});

test("the folder: that of the last document, if it has a project", () => {
  const docs = { name: "docs", path: "/home/me/docs" };
  const other = { name: "blink2", path: "/home/me/blink2" };
  const both = { ...targets, targets: [built, { ...built, root: other.path }] };
  const folders = [docs, folder, other];
  assert.equal(choose([docs], targets, undefined), docs);
  assert.equal(choose(folders, both, "/home/me/blink2/main.c"), other);
  assert.equal(choose(folders, both, "/home/me/blink/main.c"), folder);
  assert.equal(choose(folders, both, "/home/me/docs/README.md"), undefined);
  assert.equal(choose(folders, targets, "/home/me/docs/README.md"), folder);
  assert.equal(choose(folders, undefined, "/home/me/docs/README.md"), undefined);
});
