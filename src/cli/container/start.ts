import type { ContainerInspectResponse } from "@docker/node-sdk";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { experimentalEngine } from "#cli/checkpoint/experimental.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { runAttached } from "./session/attached-run.ts";
import { chooseDetachKeys, detachKeysFlag } from "./session/detach-keys-flag.ts";
import { containerPath } from "./each-container.ts";
import { proxySignals } from "./session/signal-proxy.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["stopped-containers"],
  flags: {
    attach: boolFlag("Attach STDOUT/STDERR and forward signals", { short: "a" }),
    checkpoint: stringFlag("Restore from this checkpoint"),
    "checkpoint-dir": stringFlag("Use a custom checkpoint storage directory"),
    "detach-keys": detachKeysFlag,
    interactive: boolFlag("Attach container's STDIN", { short: "i" }),
  },
  async run(cli, { flags, args, isSet }) {
    for (const name of ["checkpoint", "checkpoint-dir"]) {
      if (isSet(name)) await experimentalEngine(cli, `"--${name}"`);
    }
    const [name = "", ...others] = args;
    const query = {
      checkpoint: flags.checkpoint || undefined,
      "checkpoint-dir": flags["checkpoint-dir"] || undefined,
    };
    if (!flags.attach && !flags.interactive) {
      if (flags.checkpoint === "") return startEach(cli, args);
      if (others.length > 0) {
        throw new InvalidArgumentError("you cannot restore multiple containers at once");
      }
      const engine = await cli.engine();
      await engine.send("POST", containerPath(name, "/start"), { query });
      return 0;
    }
    if (others.length > 0) {
      throw new InvalidArgumentError("you cannot start and attach multiple containers at once");
    }
    return startAttached(cli, name, {
      isInteractive: flags.interactive,
      keys: flags["detach-keys"],
      query,
    });
  },
});

/** One after the other, as the order may matter; a failure does not stop the rest. */
async function startEach(cli: Cli, names: readonly string[]): Promise<number> {
  const engine = await cli.engine();
  const failed: string[] = [];
  for (const name of names) {
    try {
      await engine.send("POST", containerPath(name, "/start"));
      cli.output.write(`${name}\n`);
    } catch (error) {
      cli.errors.write(`${messageOf(error)}\n`);
      failed.push(name);
    }
  }
  if (failed.length === 0) return 0;
  throw new ExitError(`Error: failed to start containers: ${failed.join(", ")}`, 1);
}

async function startAttached(
  cli: Cli,
  name: string,
  request: {
    readonly isInteractive: boolean;
    readonly keys: string;
    readonly query: Readonly<Record<string, string | undefined>>;
  },
): Promise<number> {
  const { isInteractive, keys, query } = request;
  const engine = await cli.engine();
  const inspected = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
  const { Id: id = name, Config: config, HostConfig: host } = inspected;
  const hasTerminal = config?.Tty ?? false;
  using _proxy = hasTerminal ? undefined : proxySignals(cli, id);
  const start = async (): Promise<void> => {
    await engine.send("POST", containerPath(id, "/start"), { query });
  };
  return await runAttached(
    cli,
    { id, removes: host?.AutoRemove ?? false, start },
    {
      stdin: isInteractive && (config?.OpenStdin ?? false),
      stdout: true,
      stderr: true,
      hasTerminal,
      detachKeys: chooseDetachKeys(cli, keys),
    },
  );
}
