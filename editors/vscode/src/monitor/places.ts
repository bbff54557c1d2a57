/** Places in the sources, and addresses, that a line names. */

export interface Named {
  startIndex: number;
  length: number;
}

export interface Place extends Named {
  file: string;
  line: number;
}

export function places(text: string): Place[] {
  const named = /((?:[A-Za-z]:)?[^\s:()"'<>|]+\.(?:c|cc|cpp|cxx|h|hh|hpp|ino|rs|s|S)):(\d{1,7})/g;
  return [...text.matchAll(named)].map(({ 0: whole, 1: file = "", 2: line = "", index }) => ({
    startIndex: index,
    length: whole.length,
    file,
    line: Number(line),
  }));
}

/** What may be the address of code. */
export function addresses(text: string): (Named & { address: string })[] {
  const found = text.matchAll(/\b0x[45][0-9a-fA-F]{7}\b/g);
  return [...found].map(({ 0: whole, index }) => ({
    startIndex: index,
    length: whole.length,
    address: whole.toLowerCase(),
  }));
}
