import { type Command, noArguments } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "./api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    "remove-damaged": boolFlag("Forget damaged blobs, so that the next push brings them anew"),
  },
  async run(api, { flags }, cli) {
    const removeDamaged = flags["remove-damaged"];
    const damaged: unknown[] = [];
    let [blobs, bytes] = [0, 0];
    for (let after = ""; ; ) {
      const step = await api.request("POST", "/verification", { after, removeDamaged });
      blobs += Number(step["blobs"]);
      bytes += Number(step["blobBytes"]);
      if (Array.isArray(step["damaged"])) damaged.push(...step["damaged"]);
      if (typeof step["next"] !== "string") break;
      after = step["next"];
    }
    api.show(damaged, { digest: "DIGEST", fault: "FAULT", removed: "REMOVED" });
    const summary = `${blobs} blobs of ${bytes} bytes were read, ${damaged.length} are damaged`;
    if (damaged.length > 0) throw new ExitError(summary, 1);
    cli.output.write(`${summary}\n`);
  },
});
