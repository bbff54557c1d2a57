/** The one place that holds {@link Facts}; those who draw them are told when they change. */

import type { Facts } from "./view/facts.ts";
import { nothing } from "./view/facts.ts";

export class Model {
  private now: Facts = nothing;
  private readonly listeners = new Set<(facts: Facts) => void>();

  get facts(): Facts {
    return this.now;
  }

  update(change: (facts: Facts) => Facts): void {
    this.now = change(this.now);
    for (const listener of this.listeners) listener(this.now);
  }

  /** A listener that has the facts changed by what it hears. */
  taking<T>(change: (facts: Facts, news: T) => Facts): (news: T) => void {
    return (news) => {
      this.update((facts) => change(facts, news));
    };
  }

  /** Calls `listener` now and on every change. */
  follow(listener: (facts: Facts) => void): { dispose(): void } {
    this.listeners.add(listener);
    listener(this.now);
    return { dispose: () => this.listeners.delete(listener) };
  }
}
