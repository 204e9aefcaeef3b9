import { writeFileSync } from "node:fs";
import { type Command, defineCommand, exactly } from "#cli/command.ts";
import { showProgress } from "#cli/output/progress.ts";
import { registryConfigHeaders } from "#cli/registry-auth.ts";
import { readContext } from "./building/context.ts";
import { tellChecks } from "./building/check-report.ts";
import { buildFlags, buildQuery, callOf } from "./building/request.ts";
import { sendBuild } from "./building/send.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  completeArgs: ["files"],
  flags: buildFlags,
  async run(cli, { flags, args }) {
    using stack = new DisposableStack();
    const context = await readContext(args[0] ?? "", flags.file, () => cli.input.chunks(), stack);
    const engine = await cli.engine();
    const messages = await sendBuild(engine, context, {
      query: buildQuery(flags, cli.env),
      headers: await registryConfigHeaders(cli),
      isCompressed: flags.compress,
      standardInput: () => cli.input.chunks(),
    });
    const call = callOf(flags);
    if (call.method === "check") return await tellChecks(cli, messages, call.format);
    let id = "";
    await showProgress(messages, cli.output, (aux) => {
      if (typeof aux === "object" && aux !== null && "ID" in aux) id = String(aux.ID);
    });
    if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
    return 0;
  },
});
