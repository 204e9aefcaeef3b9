import type { ContainerSummary } from "@docker/node-sdk";
import { quoteGo } from "#base/go-number.ts";
import { ellipsize } from "#base/tables.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerListFormat } from "#cli/container/list-format.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { chooseFormat, type ListFormat, writeList } from "#cli/output/list.ts";
import { LABEL } from "#compose/labels.ts";
import { noSuchService } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

const STATES = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];
const COMMAND_COLUMNS = 20;

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    all: boolFlag("Show all stopped containers (including those created by the run command)", {
      short: "a",
    }),
    "dry-run": dryRun,
    filter: stringFlag("Filter services by a property (supported filters: status)"),
    format: stringFlag(
      "Format output using a custom template:\n'table': Print output in table format with column headers (default)\n'table TEMPLATE': Print output in table format using the given Go template\n'json': Print in JSON format\n'TEMPLATE': Print output using the given Go template",
    ),
    "no-trunc": boolFlag("Don't truncate output"),
    orphans: boolFlag("Include orphaned services (not declared by project)", { default: true }),
    quiet: boolFlag("Only display IDs", { short: "q" }),
    services: boolFlag("Display services"),
    status: listFlag(
      "Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]",
      { type: "stringArray" },
    ),
  },
  async run(cli, { flags, args, groupFlags }) {
    const states = wantedStates(flags);
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    for (const name of args) {
      if (project && !project.services.has(name)) throw noSuchService(project, name);
    }
    const engine = await cli.engine();
    const all = await engine.getJson<readonly ContainerSummary[]>("/containers/json", {
      query: { all: true, filters: JSON.stringify({ label: [`${LABEL.project}=${projectName}`] }) },
    });
    const label = ({ Labels }: ContainerSummary, name: string): string => Labels?.[name] ?? "";
    const shown = all
      .filter((each) => flags.all || label(each, LABEL.oneOff) !== "True")
      .filter((each) => args.length === 0 || args.includes(label(each, LABEL.service)))
      .filter(
        (each) => flags.orphans || !project || project.services.has(label(each, LABEL.service)),
      )
      .filter(({ State = "" }) =>
        states.length > 0 ? states.includes(State) : flags.all || isLive(State),
      )
      .toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
    if (flags.services) {
      const names = [...new Set(shown.map((each) => label(each, LABEL.service)))];
      cli.output.write(names.map((name) => `${name}\n`).join(""));
      return 0;
    }
    if (flags.quiet) {
      cli.output.write(shown.map(({ Id }) => `${Id}\n`).join(""));
      return 0;
    }
    writeList(
      cli,
      projectListFormat(cli.now(), !flags["no-trunc"]),
      shown,
      chooseFormat(cli, { configKey: "psFormat" }, { format: flags.format }),
    );
    return 0;
  },
});

/** What has not ended. */
function isLive(state: string): boolean {
  return state === "running" || state === "paused" || state === "restarting";
}

function wantedStates(flags: {
  readonly filter: string;
  readonly status: readonly string[];
}): readonly string[] {
  const { filter, status } = flags;
  const [, key, value = ""] = /^([^=]+)=(.*)$/.exec(filter) ?? [];
  if (filter !== "" && key === undefined) {
    throw new ExitError("wrong value for filter: want status=VALUE", 1);
  }
  if (key === "source") {
    throw new ExitError("filter source is not supported: want status=VALUE", 1);
  }
  if (key !== undefined && key !== "status") {
    throw new ExitError(`unknown filter ${key}: want status=VALUE`, 1);
  }
  const states = key === undefined ? status : [...status, value];
  const unknown = states.find((state) => !STATES.includes(state));
  if (unknown !== undefined) {
    throw new ExitError(`unknown status ${JSON.stringify(unknown)}: want ${STATES.join(", ")}`, 1);
  }
  return states;
}

function nameOf({ Names }: ContainerSummary): string {
  return (Names?.[0] ?? "").replace(/^\//, "");
}

/** docker compose's columns over docker's own. */
function projectListFormat(now: Date, truncate: boolean): ListFormat<ContainerSummary> {
  const base = containerListFormat(now, truncate, false);
  return {
    ...base,
    table:
      "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}",
    headers: {
      ...base.headers,
      Name: "NAME",
      Service: "SERVICE",
      Project: "PROJECT",
      ExitCode: "EXIT CODE",
      Health: "HEALTH",
      Publishers: "PUBLISHERS",
    },
    fields: (container) => {
      const labels = container.Labels ?? {};
      const text = container.Command ?? "";
      const { HealthStatus: _health, Platform: _platform, ...fields } = base.fields(container);
      return {
        ...fields,
        Name: nameOf(container),
        Command: quoteGo(truncate ? ellipsize(text, COMMAND_COLUMNS) : text),
        Service: labels[LABEL.service] ?? "",
        Project: labels[LABEL.project] ?? "",
        Health:
          /\((healthy|unhealthy)\)|health: (starting)/
            .exec(container.Status ?? "")
            ?.slice(1)
            .find((word) => word !== undefined) ?? "",
        ExitCode: Number(/^Exited \((\d+)\)/.exec(container.Status ?? "")?.[1] ?? 0),
        Publishers: (container.Ports ?? []).map((port) => ({
          URL: port.IP ?? "",
          TargetPort: port.PrivatePort,
          PublishedPort: port.PublicPort ?? 0,
          Protocol: port.Type,
        })),
      };
    },
  };
}
