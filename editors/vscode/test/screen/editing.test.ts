/** Help with a partition table, a deploy by a click into it, and a mistake that a quick fix takes out. */

import { test } from "node:test";

import { open } from "../rig/editor.ts";
import { project } from "../rig/project.ts";

const TABLE = `# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  0x6000,
phy_init, data, phi,     ,        0x1000,
factory,  app,  factory, ,        1M,
storage,  data, spiffs,  ,        512K,
`;
const SDKCONFIG = `CONFIG_IDF_TARGET="esp32"
CONFIG_PARTITION_TABLE_CUSTOM=y
CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"
CONFIG_PARTITION_TABLE_FILENAME="partitions.csv"
CONFIG_ESPTOOLPY_FLASHSIZE="4MB"
`;

test("help with a partition table", async () => {
  const blink = project("blink", {
    "fbuild.port": "sim:board.bin",
    "fbuild.staleBuild": "ignore",
    // So that the picture shows what is above the row.
    "editor.hover.above": false,
  });
  blink.write("partitions.csv", TABLE);
  blink.write("sdkconfig", SDKCONFIG);
  const window = await open(blink.path);
  try {
    await window.says("espidf:build");
    await window.openFile("partitions.csv");
    const { page } = window;
    await page.locator(".squiggly-error").first().waitFor();
    await page.locator(".view-line", { hasText: "0x10000" }).first().waitFor();
    const lens = page.locator(".codelens-decoration a", { hasText: "Deploy firmware" }).first();
    await lens.waitFor();
    const row = page.locator(".view-line", { hasText: "factory" }).first();
    await window.hover(row, "example.bin");
    await window.picture("editing");
    await page.keyboard.press("Escape");
    await lens.click();
    await window.says(/firmware · 61 sectors/);

    // The mistake, by its quick fix.
    await window.goTo(3, 17);
    await page.keyboard.press("Control+.");
    await page.locator(".action-widget .monaco-list-row", { hasText: "phy" }).first().click();
    await page.locator(".squiggly-error").first().waitFor({ state: "hidden" });
    await page
      .locator(".view-line", { hasText: /data,\sphy,/ })
      .first()
      .waitFor();
  } finally {
    await window.close();
    blink.remove();
  }
});
