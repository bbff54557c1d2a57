/** Names from strangers, in the places where they are shown. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { label, line, markdown, message } from "../../src/view/plain.ts";
import { statusText } from "../../src/view/statusText.ts";
import { ready, selective, words } from "./examples.ts";

/** The pattern by which VS Code finds links in messages (vs/base/common/linkedText.ts). */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

const HOSTILE = [
  "[Install](command:workbench.action.quit)",
  "a [b](https://example.com) and [c](file:///etc/passwd 'title')",
  "[[x]](command:y) [x](COMMAND:y) ](command:y)",
];

test("nothing in a message is a link", () => {
  for (const name of HOSTILE) {
    assert.doesNotMatch(message(`Deploy: ${name}`), LINK);
    assert.doesNotMatch(label(name), LINK);
    // Not by what is put together of two either.
    assert.doesNotMatch(message("[x]") + message("(command:y)"), /\]\(command.*\].\(/);
  }
  assert.match(HOSTILE[0] ?? "", LINK);
});

test("what would act is shown", () => {
  assert.equal(
    line("\u001b[2J\u0007\r\n\u009b\u202ex\u2066"),
    "\\u{1b}[2J\\u{7}\\r\\n\\u{9b}\\u{202e}x\\u{2066}",
  );
  assert.equal(line("日本 äöü 👩‍🚀"), "日本 äöü 👩‍🚀");
  assert.equal(label("$(trash) x"), "$ (trash) x");
});

test("Markdown shows a name as it is", () => {
  for (const name of [...HOSTILE, "![x](https://example.com/x.png)", "<img src=x>", "`x` $(zap)"]) {
    assert.doesNotMatch(markdown(name), /(?<!\\)[[\]<>`!$(]/);
  }
  assert.equal(markdown("https://www.a.de a@b.de"), "https\\://www\\.a.de a\\@b.de");
});

test("status bar", () => {
  const outcome = { ...selective, text: { ...words, short: "$(zap)\u202e[x](command:y)" } };
  const latest = { outcome, folder: undefined, asOfMs: 0 };
  const { text } = statusText({ ...ready, latest });
  assert.match(text, /\$\(check\) \$ \(zap\)\\u\{202e\}\[x\] \(command:y\)/);
});
