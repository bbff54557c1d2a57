import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, places } from "../../src/monitor/places.ts";

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

test("what may be code is an address", () => {
  const line = "PC 0x400D0313, 0x3ffb0000 0x42000218:0x3fc91230 0x400d03130 x0x400d0313";
  const found = addresses(line);
  assert.deepEqual(
    found.map(({ address }) => address),
    ["0x400d0313", "0x42000218"],
  );
  assert.deepEqual([found[0]?.startIndex, found[0]?.length], [3, 10]);
});
