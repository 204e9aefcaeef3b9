// Loaded before each test file (bunfig.toml). A test that fails, and whose `await using` then finds something
// left behind, throws a SuppressedError, of which the runner prints the name alone: with this, both.
import { messageOf } from "#base/errors.ts";

const shown = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? messageOf(thrown)) : String(thrown);

Object.defineProperty(SuppressedError.prototype, "message", {
  configurable: true,
  get(this: SuppressedError): string {
    return `${shown(this.suppressed)}\nThen, while cleaning up: ${shown(this.error)}`;
  },
});
