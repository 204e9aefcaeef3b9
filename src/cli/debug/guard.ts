import type { Cli } from "#cli/cli.ts";
import { globalWords, ownCommand } from "#cli/command/own-command.ts";

/**
 * Removes a container when this process is killed without a chance to do it. A shell in a session of its own
 * reads from a pipe of ours: a line means that all is well, an end without one that the kernel closed it.
 * Nothing else tells the engine: a terminal's process outlives whoever watched it, as with `run -it`.
 *
 * @returns Disposal lets the shell go.
 */
export function guardContainer(cli: Pick<Cli, "env" | "globals">, id: string): AsyncDisposable {
  const remove = [...ownCommand(), ...globalWords(cli.globals), "rm", "--force", "--volumes", id];
  const guard = Bun.spawn(["/bin/sh", "-c", 'read -r _ || exec "$@"', "sh", ...remove], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
    env: { ...cli.env },
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await guard.stdin.write("\n");
      await guard.stdin.end();
      await guard.exited;
    },
  };
}
