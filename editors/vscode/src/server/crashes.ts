/** Whether a server that ended by itself is started again. */

const MOST = 4;
const WITHIN_MS = 3 * 60_000;

export class Crashes {
  private times: number[] = [];

  /** Notes a crash; `false` after too many in too short a time. */
  mayRestart(nowMs: number): boolean {
    this.times = this.times.filter((time) => nowMs - time < WITHIN_MS);
    this.times.push(nowMs);
    return this.times.length < MOST;
  }

  /** A person started it anew. */
  forget(): void {
    this.times = [];
  }
}
