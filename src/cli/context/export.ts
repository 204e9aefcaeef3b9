import { rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { ConflictError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { exportContext } from "#client/contexts/context-archive.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { type Command, between, defineCommand } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  args: between(1, 2),
  completeArgs: ["contexts", "files"],
  flags: {},
  async run(cli, { args }) {
    const [name = "", path = `${name}.dockercontext`] = args;
    const archive = exportContext(new ContextStore(cli.globals.configDir), name);
    if (path === "-") {
      if (cli.output.isTerminal) {
        throw new InvalidArgumentError(
          "cowardly refusing to export to a terminal, specify a file path",
        );
      }
      for await (const chunk of archive) await cli.output.pump(chunk);
      return 0;
    }
    await writeNewFile(path, archive);
    cli.errors.write(`Written file ${JSON.stringify(path)}\n`);
    return 0;
  },
});

/** Never replaces a file: it may hold another context's keys. */
async function writeNewFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new ConflictError(`open ${path}: ${exists ? "file exists" : messageOf(error)}`, {
      cause: error,
    });
  });
  try {
    for await (const chunk of content) await file.write(chunk);
    await file.close();
  } catch (error) {
    await file.close();
    rmSync(path, { force: true });
    throw error;
  }
}
