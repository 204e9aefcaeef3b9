import type { Cli } from "#cli/cli.ts";
import { enterSingleKeys } from "#cli/terminal/single-keys.ts";

export interface KeyMenu extends Disposable {
  /** When the user leaves the application running. */
  readonly detached: Promise<void>;
}

/** Whether there are keys: by the flag, else by COMPOSE_MENU, and on a terminal alone. */
export function wantsMenu(cli: Cli, isSet: boolean, flag: boolean): boolean {
  const named = cli.env["COMPOSE_MENU"];
  const isWanted = isSet ? flag : named === "1" || named === "true";
  return isWanted && cli.input.isTerminal && cli.output.isTerminal;
}

/**
 * Listens for the keys of an attached `up`: `w` turns watching on and off, `d` leaves. Ctrl-C stays what it is.
 *
 * @param toggleWatch Undefined where there is nothing to watch. @returns Whether it is on now.
 */
export function openKeyMenu(cli: Cli, toggleWatch: (() => boolean) | undefined): KeyMenu {
  const { fd } = cli.input;
  const keys = fd === undefined ? undefined : enterSingleKeys(fd);
  const left = Promise.withResolvers<void>();
  const tell = (isWatching: boolean): void => {
    const watch = toggleWatch ? `w ${isWatching ? "Disable" : "Enable"} Watch   ` : "";
    cli.errors.write(`${watch}d Detach\n`);
  };
  tell(false);
  const listen = async (): Promise<void> => {
    for await (const chunk of cli.input.chunks()) {
      for (const key of new TextDecoder().decode(chunk)) {
        if (key === "w" && toggleWatch) tell(toggleWatch());
        if (key === "d") left.resolve();
      }
    }
  };
  listen().catch((error: unknown) => left.reject(error));
  return { detached: left.promise, [Symbol.dispose]: () => keys?.[Symbol.dispose]() };
}
