/** One window of VS Code, as a person uses it: keys in, words and pictures out. */

/// <reference lib="dom" />

import * as fs from "node:fs";
import * as path from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

/** Generous: the machine may be busy. A test that passes never waits this long. */
export const PATIENCE_MS = 60_000;

/** The command's title, by which those find it who look for other words. */
export const DEPLOY = "fbuild: Deploy (Flash / Upload to ESP32)";

const screens =
  process.env["FBUILD_SCREENS"] ?? path.resolve(import.meta.dirname, "../../out/screens");

export class Window {
  readonly page: Page;
  private readonly context: BrowserContext;

  private constructor(page: Page, context: BrowserContext) {
    this.page = page;
    this.context = context;
  }

  /** Opens a folder, or a .code-workspace file. */
  static async open(browser: Browser, url: string, what: string): Promise<Window> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 640 } });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const isWorkspace = what.endsWith(".code-workspace");
    const kind = isWorkspace ? "workspace" : "folder";
    await page.goto(`${url}/?${kind}=${encodeURIComponent(what)}`);
    // The theme comes with the first extensions.
    await page.locator(".monaco-workbench.vs-dark .statusbar").waitFor();
    // Seen now and then: the page looks for the workspace file before it can read files at all.
    while (isWorkspace && (await page.getByText("You have not yet added a folder").isVisible())) {
      await page.reload();
      await page.locator(".monaco-workbench.vs-dark .statusbar").waitFor();
    }
    return new Window(page, context);
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** Runs a command from the palette, by its title. */
  async command(title: string): Promise<void> {
    await this.choose("F1", `>${title}`, title);
  }

  /**
   * Runs a command that opens a list, and clicks a row of it. On a busy machine the list may close by
   * itself, or be made before what belongs into it is known: then it is tried again.
   */
  async pick(title: string, text: string | RegExp): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; ;) {
      await this.command(title);
      try {
        await this.row(text).first().click({ timeout: 15_000 });
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Opens the palette with some words in it; it lists this command then. */
  async palette(words: string, listed: string): Promise<void> {
    await this.list("F1", `>${words}`, listed);
  }

  /** Opens a file by its name. */
  async openFile(name: string): Promise<void> {
    await this.choose("Control+p", name, name);
    await this.page.locator(".tab.active", { hasText: path.basename(name) }).waitFor();
  }

  /** Puts the cursor somewhere in the open file; both count from 1. */
  async goTo(line: number, column: number): Promise<void> {
    const at = this.page.locator(".statusbar-item", { hasText: `Ln ${line}, Col ${column}` });
    const input = this.page.locator(".quick-input-widget input.input");
    await this.page.keyboard.press("Control+g");
    await input.fill(`:${line}:${column}`);
    await input.press("Enter");
    await at.waitFor();
  }

  private async choose(key: string, typed: string, label: string): Promise<void> {
    await (await this.list(key, typed, label)).click();
  }

  /**
   * Opens a list by a key and types; the row with exactly this label. While the workbench is still
   * starting, keys are lost and lists close by themselves: then it is tried again, as a person would.
   */
  private async list(key: string, typed: string, label: string): Promise<Locator> {
    const input = this.page.locator(".quick-input-widget input.input");
    // All of the label: parts of it are in elements of their own, where they match what was typed.
    const exact = new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    const name = this.page.locator(".label-name", { hasText: exact });
    const row = this.page.locator(".quick-input-list .monaco-list-row", { has: name }).first();
    for (const end = Date.now() + PATIENCE_MS; ;) {
      try {
        await this.page.keyboard.press(key);
        await input.waitFor({ timeout: 3000 });
        await input.fill(typed, { timeout: 3000 });
        await row.waitFor({ timeout: 8000 });
        return row;
      } catch (error) {
        if (Date.now() > end) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Types into the box that asks for a text, and confirms it. */
  async type(text: string): Promise<void> {
    await this.page.locator(".quick-input-widget", { hasText: "Press 'Enter'" }).waitFor();
    await this.page.locator(".quick-input-widget input.input").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** A row of the open list. */
  row(text: string | RegExp): Locator {
    return this.page.locator(".quick-input-list .monaco-list-row", { hasText: text });
  }

  /** The one item for the outcome. */
  get status(): Locator {
    return this.page.locator('.statusbar-item[id$="fbuild-lsp.outcome"]');
  }

  /** The item that deploys, or cancels. */
  get button(): Locator {
    return this.page.locator('.statusbar-item[id$="fbuild-lsp.deploy"]');
  }

  /** Waits until the status bar item says it; what it says. */
  async says(text: string | RegExp): Promise<string> {
    try {
      await this.status.filter({ hasText: text }).waitFor();
    } catch (error) {
      await this.picture("failed");
      const said = await this.status.innerText().catch(() => "nothing");
      throw new Error(`the status bar never said ${String(text)}; it says: ${said}`, {
        cause: error,
      });
    }
    return (await this.status.innerText()).trim();
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text });
  }

  /** Waits for a notification. */
  async notified(text: string | RegExp): Promise<Locator> {
    const toast = this.notification(text).first();
    try {
      await toast.waitFor();
    } catch (error) {
      await this.picture("failed");
      throw error;
    }
    return toast;
  }

  /** Clicks a button of a notification. */
  async answer(notification: string | RegExp, button: string): Promise<void> {
    const toast = await this.notified(notification);
    await toast.locator(".monaco-button", { hasText: button }).first().click();
  }

  /** Clicks in the middle of some words, whatever element they are in. */
  async clickWords(around: Locator, words: string): Promise<void> {
    const at = await around.evaluate((element, wanted) => {
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        const start = node.textContent?.indexOf(wanted) ?? -1;
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, start + wanted.length);
        // The first line of them, where they are broken.
        const box = range.getClientRects()[0];
        return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      }
      return undefined;
    }, words);
    if (!at) throw new Error(`there is no text "${words}" to click on`);
    await this.page.mouse.click(at.x, at.y);
  }

  /** Clicks on a link of the terminal in front, until the status bar says where it has led. */
  async followLink(words: string, there: string): Promise<void> {
    const rows = this.page.locator(".terminal-wrapper.active .xterm-rows", { hasText: words });
    const at = this.page.locator(".statusbar-item", { hasText: there });
    // A link is there once the mouse has been.
    for (const end = Date.now() + PATIENCE_MS; (await at.count()) === 0;) {
      if (Date.now() > end) throw new Error(`${words} leads nowhere`);
      await this.page.keyboard.down("Control");
      await this.clickWords(rows, words).catch(() => undefined);
      await this.page.keyboard.up("Control");
      await at.waitFor({ timeout: 1500 }).catch(() => undefined);
    }
  }

  /**
   * Rests the mouse on something until a window with these words opens; all of its words. It closes
   * by itself where what is below is drawn anew: then it is tried again.
   */
  async hover(over: Locator, words: string | RegExp): Promise<string> {
    const hover = this.page.locator(".monaco-hover:visible", { hasText: words }).first();
    for (const end = Date.now() + PATIENCE_MS; ;) {
      try {
        await over.hover({ position: { x: 20, y: 8 } });
        await hover.waitFor({ timeout: 8000 });
        return await hover.innerText({ timeout: 3000 });
      } catch (error) {
        if (Date.now() > end) throw error;
        await this.page.mouse.move(550, 300);
      }
    }
  }

  /** Keeps a picture of the window, or of a part of it. */
  async picture(name: string, part?: { x: number; y: number; width: number; height: number }) {
    fs.mkdirSync(screens, { recursive: true });
    const file = path.join(screens, `${name}.png`);
    await this.page.screenshot({ path: file, animations: "disabled", ...(part && { clip: part }) });
  }
}
