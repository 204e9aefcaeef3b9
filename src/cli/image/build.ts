import { statSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import { registryConfigHeaders } from "#cli/registry-auth.ts";
import {
  type BuildContext,
  compressed,
  FOREIGN_DOCKERFILE,
  nameInContext,
  packContext,
  readContext,
} from "./building/context.ts";
import { buildFlags, buildQuery, type BuildValues } from "./building/request.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  completeArgs: ["files"],
  flags: buildFlags,
  async run(cli, { flags, args }) {
    using stack = new DisposableStack();
    const context = await readContext(args[0] ?? "", flags.file, () => cli.input.chunks(), stack);
    const engine = await cli.engine();
    const messages = await send(cli, engine, context, flags);
    let id = "";
    await showProgress(messages, cli.output, (aux) => {
      if (typeof aux === "object" && aux !== null && "ID" in aux) id = String(aux.ID);
    });
    if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
    return 0;
  },
});

type Messages = AsyncIterable<ProgressMessage>;

async function send(
  cli: Cli,
  engine: EngineClient,
  context: BuildContext,
  flags: BuildValues,
): Promise<Messages> {
  const query = buildQuery(flags, cli.env);
  const headers = await registryConfigHeaders(cli);
  const post = (
    more: Readonly<Record<string, string | undefined>>,
    stream?: AsyncIterable<Uint8Array>,
  ): Messages =>
    engine.messages<ProgressMessage>("POST", "/build", {
      query: { ...query, ...more },
      headers,
      ...(stream ? { stream: flags.compress ? compressed(stream) : stream } : {}),
      contentType: "application/x-tar",
    });
  const dockerfile = context.dockerfile === "" ? undefined : context.dockerfile;
  switch (context.kind) {
    case "stream":
      return post({ dockerfile }, cli.input.chunks());
    case "remote":
      return post({ dockerfile, remote: context.url });
    case "folder": {
      if (engine.endpoint.kind === "unix") {
        try {
          return await begun(post(folderQuery(context)));
        } catch (error) {
          // the engine's file system is another: it gets the files
          if (!(error instanceof NotFoundError) || !error.message.includes(NOT_SEEN)) throw error;
        }
      }
      const name = nameInContext(context);
      const foreign = name === undefined ? context.dockerfile : undefined;
      const tar = packContext(context.path, foreign);
      return post({ dockerfile: name ?? FOREIGN_DOCKERFILE, unfiltered: "1" }, tar);
    }
  }
}

/** The engine's words for a folder that it does not see. */
const NOT_SEEN = "the engine does not see";

function folderQuery({
  path,
  dockerfile,
}: Extract<BuildContext, { kind: "folder" }>): Readonly<Record<string, string>> {
  const { dev, ino } = statSync(path);
  return {
    folder: path,
    folderid: `${dev}:${ino}`,
    dockerfilefolder: dirname(dockerfile),
    dockerfile: basename(dockerfile),
  };
}

/** Waits for the first message: a request that is refused throws here. */
async function begun(messages: Messages): Promise<Messages> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}
