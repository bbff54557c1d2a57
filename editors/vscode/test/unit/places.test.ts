import assert from "node:assert/strict";
import { test } from "node:test";

import { places } from "../../src/monitor/places.ts";

test("a line's places are found where they stand", () => {
  const line = "  0x400d0313  digit_of (inlined) at /src/clock/main/main.c:11";
  const [place] = places(line);
  assert.ok(place);
  assert.equal(
    line.slice(place.startIndex, place.startIndex + place.length),
    "/src/clock/main/main.c:11",
  );
  assert.deepEqual([place.file, place.line], ["/src/clock/main/main.c", 11]);
});

test("other ways to name one, and what is none", () => {
  const named = (text: string) => places(text).map(({ file, line }) => `${file}|${line}`);
  assert.deepEqual(named("panicked at src/main.rs:7:9:"), ["src/main.rs|7"]);
  assert.deepEqual(named("(main.cpp:3), C:\\work\\a.ino:12"), ["main.cpp|3", "C:\\work\\a.ino|12"]);
  assert.deepEqual(named("I (312) wifi: 12:30:01 http://host:80 a.c"), []);
});
