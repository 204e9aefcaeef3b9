import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { exitCannotStart } from "#cli/command/exit-error.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { runAttached } from "./session/attached-run.ts";
import { createContainer } from "./creation/create-container.ts";
import { createFlags } from "./creation/create-flags.ts";
import { planFromCommandLine, withHelpPointer } from "./creation/create-plan.ts";
import { chooseDetachKeys, detachKeysFlag } from "./session/detach-keys-flag.ts";
import { containerPath } from "./each-container.ts";
import { checkInputTerminal } from "./session/input-terminal.ts";
import { warnOfOutOfMemory } from "./creation/out-of-memory.ts";
import { proxySignals } from "./session/signal-proxy.ts";
import { exitCodeOfStart } from "./creation/start-failure.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  completeArgs: ["images", []],
  flags: {
    ...createFlags("running"),
    detach: boolFlag("Run container in background and print container ID", { short: "d" }),
    "detach-keys": detachKeysFlag,
    "sig-proxy": boolFlag("Proxy received signals to the process", { default: true }),
  },
  async run(cli, invocation) {
    const { flags, commandLine } = invocation;
    const plan = await planFromCommandLine(cli, invocation, flags.detach);
    if (flags.detach && flags.attach.length > 0) {
      throw new InvalidArgumentError(
        "conflicting options: cannot specify both --attach and --detach",
      );
    }
    const { streams, hasTerminal } = plan;
    if (!flags.detach) checkInputTerminal(cli, streams.stdin, hasTerminal);
    // create's is used again for attach; wait and start have their own
    if (!flags.detach) (await cli.engine()).connectAhead(2);
    let id: string;
    try {
      id = await createContainer(cli, plan, flags);
    } catch (error) {
      throw withHelpPointer(commandLine, error, exitCannotStart);
    }
    using _proxy = flags["sig-proxy"] ? proxySignals(cli, id) : undefined;
    const start = (): Promise<void> => startCreated(cli, id, commandLine);
    if (flags.detach) {
      cli.output.write(`${id}\n`);
      await start();
      return 0;
    }
    const detachKeys = chooseDetachKeys(cli, flags["detach-keys"]);
    const choice = { ...streams, hasTerminal, detachKeys };
    const since = cli.now();
    const exitCode = await runAttached(cli, { id, removes: flags.rm, start }, choice);
    await warnOfOutOfMemory(cli, { id, exitCode, since, memoryLimitBytes: flags.memory });
    return exitCode;
  },
});

async function startCreated(cli: Cli, id: string, commandLine: string): Promise<void> {
  const engine = await cli.engine();
  try {
    await engine.send("POST", containerPath(id, "/start"));
  } catch (error) {
    throw withHelpPointer(commandLine, error, exitCodeOfStart(error));
  }
}
