/**
 * Names from projects and boards, made fit for the places where people read them. A file can be
 * called `[Install](command:…)`, and a partition can turn the text behind it around.
 */

/** Control characters, ends of lines, and what changes the direction of what follows. */
const ACTS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** One line, in which nothing acts instead of being seen. */
export function line(text: string): string {
  return text.replace(ACTS, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\r") return "\\r";
    if (c === "\t") return "\\t";
    return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/**
 * A message. VS Code makes a link of `[label](address)` in messages, questions and the language
 * status, which runs a command where the address is one. With a space between it is plain text.
 */
export function message(text: string): string {
  return line(text).replaceAll("](", "] (");
}

/** A label in a list or in the status bar, where VS Code makes an icon of `$(name)`, and links as in a message. */
export function label(text: string): string {
  return message(text).replaceAll("$(", "$ (");
}

/** Text as Markdown shows it literally: no format, link, image, icon or HTML. */
export function markdown(text: string): string {
  return line(text)
    .replace(/[\\`*_[\]<>|#!&$()~@]/g, "\\$&")
    .replace(/:(?=\/)/g, "\\:")
    .replace(/www\./gi, (www) => `${www.slice(0, 3)}\\.`);
}
