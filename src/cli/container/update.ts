import type { ContainerUpdateResponse } from "@docker/node-sdk";
import { UnsupportedError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { clientSurroundings } from "./creation/client-surroundings.ts";
import { containerPath, eachContainer } from "./each-container.ts";
import { inPlaceFlags, planInPlace } from "./update-request/in-place.ts";
import { limitFlags, planLimits } from "./update-request/limits.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  description:
    "Limits, the restart policy, labels and published ports change at once, environment and mounts when the container starts next.",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: { ...limitFlags, ...inPlaceFlags },
  async run(cli, { flags, args, isSet }) {
    const given = Object.keys({ ...limitFlags, ...inPlaceFlags }).filter(isSet);
    if (given.length === 0) {
      throw new ExitError("you must provide one or more flags when using this command", 1);
    }
    const json = {
      ...planLimits(flags, isSet),
      ...planInPlace(flags, clientSurroundings(cli, isSet)),
    };
    const engine = await cli.engine();
    await refuseDocker(engine, given);
    const warnings: string[] = [];
    try {
      return await eachContainer(cli, args, async (name) => {
        const path = containerPath(name, "/update");
        const answer = await engine.postJson<ContainerUpdateResponse>(path, { json });
        warnings.push(...(answer.Warnings ?? []));
        return name;
      });
    } finally {
      if (warnings.length > 0) cli.output.write(`${warnings.join("\n")}\n`);
    }
  },
});

/** Docker's engine would take the request, ignore what it does not know, and answer that all is well. */
async function refuseDocker(engine: EngineClient, given: readonly string[]): Promise<void> {
  const beyond = given.filter((name) => name in inPlaceFlags);
  if (beyond.length === 0) return;
  const { product } = await engine.ping();
  if (product?.startsWith("Wharf/")) return;
  throw new UnsupportedError(
    `Cannot use ${beyond.map((name) => `--${name}`).join(", ")}: the engine at ${engine.endpoint.text} is not Wharf, and only Wharf changes these of an existing container; make the container anew instead`,
  );
}
