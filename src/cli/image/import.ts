import { parseImageReference } from "#spec/reference.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { listFlag, stringFlag } from "#cli/command/flags.ts";
import { fileChunks } from "#cli/output/files.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  args: atLeast(1),
  completeArgs: ["files", "images"],
  flags: {
    change: listFlag("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: stringFlag("Set commit message for imported image", { short: "m" }),
    platform: stringFlag("Set platform if server is multi-platform capable", { minApi: "1.32" }),
  },
  async run(cli, { flags, args }) {
    const [source = "", name = ""] = args;
    if (name !== "") parseImageReference(name);
    const isUrl = /^https?:\/\//.test(source);
    const stream = isUrl ? undefined : source === "-" ? cli.input.chunks() : fileChunks(source);
    const engine = await cli.engine();
    const messages = engine.messages<ProgressMessage>("POST", "/images/create", {
      query: {
        fromSrc: isUrl ? source : "-",
        repo: name === "" ? undefined : name,
        message: flags.message === "" ? undefined : flags.message,
        changes: flags.change,
        platform: flags.platform === "" ? undefined : flags.platform.toLowerCase(),
      },
      ...(stream ? { stream, contentType: "application/x-tar" } : {}),
    });
    await showProgress(messages, cli.output);
    return 0;
  },
});
