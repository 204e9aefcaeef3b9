import type { ConnectionMatch, Conntrack } from "#host/conntrack.ts";

/** Remembers what was to be forgotten. */
export class FakeConntrack implements Conntrack {
  readonly forgotten: ConnectionMatch[] = [];

  async forget(match: ConnectionMatch): Promise<void> {
    this.forgotten.push(match);
  }
}
