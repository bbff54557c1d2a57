/** Places in the sources that a line names. */

export interface Place {
  startIndex: number;
  length: number;
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
