import { NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { type ListFormat, writeList } from "#cli/output/list.ts";

/** One fault as `/system/check` tells it. */
interface Finding {
  readonly Kind: string;
  readonly Subject: string;
  readonly Explanation: string;
  /** What would end it; empty where somebody has to decide. */
  readonly Mend: string;
  readonly Mended: boolean;
  /** Why it could not be mended. */
  readonly Error?: string;
}

const checkFormat: ListFormat<Finding> = {
  goType: "*formatter.checkContext",
  table: "{{.Kind}}\t{{.Subject}}\t{{.Explanation}}\t{{.Outcome}}",
  quiet: "{{.Subject}}",
  headers: {
    Kind: "KIND",
    Subject: "SUBJECT",
    Explanation: "WHAT IS WRONG",
    Outcome: "MEND",
  },
  fields: (finding) => ({
    Kind: finding.Kind,
    Subject: finding.Subject,
    Explanation: finding.Explanation,
    Outcome: outcomeOf(finding),
    Mended: finding.Mended,
  }),
};

function outcomeOf({ Mend, Mended, Error: failure }: Finding): string {
  if (Mended) return `done: ${Mend}`;
  if (failure !== undefined) return `failed to ${Mend}: ${failure}`;
  return Mend === "" ? "by hand" : `with --repair: ${Mend}`;
}

async function ask(engine: EngineClient, repair: boolean, deep: boolean): Promise<Finding[]> {
  const query = { deep: deep ? "1" : undefined };
  try {
    const answer = repair
      ? await engine.postJson<{ Findings: Finding[] }>("/system/check", { query })
      : await engine.getJson<{ Findings: Finding[] }>("/system/check", { query });
    return answer.Findings;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UnsupportedError(
      "Cannot check this engine: only Wharf's own can look through itself",
      {
        cause: error,
      },
    );
  }
}

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  description:
    "Find what the engine's records and the host disagree on: leaked mounts, layers, network devices, " +
    "rules, cgroups, namespaces, processes, files, damaged blobs, a damaged database. Only this engine's " +
    "things are looked at. Without --repair nothing is changed.\n\n" +
    "Exit code: 0 when nothing is wrong or all is mended, 1 when something is left.",
  args: noArguments,
  flags: {
    deep: boolFlag("Read every blob and hold it against its digest"),
    format: stringFlag(listFormatHelp),
    repair: boolFlag("Mend what can be mended"),
  },
  async run(cli, { flags }) {
    const findings = await ask(await cli.engine(), flags.repair, flags.deep);
    const left = findings.filter(({ Mended }) => !Mended).length;
    if (findings.length > 0 || flags.format !== "") {
      writeList(cli, checkFormat, findings, flags.format || "table");
    }
    if (flags.format === "") {
      const mended = findings.length - left;
      const words = findings.length === 0 ? "Nothing is wrong" : `${mended} mended, ${left} left`;
      cli.output.write(`${findings.length === 0 ? "" : "\n"}${words}\n`);
    }
    return left === 0 ? 0 : 1;
  },
});
