import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { colorizer, type Style } from "#cli/output/colors.ts";
import { compileObjectTemplate } from "#cli/output/template.ts";
import { checkImages } from "#compose/act/check-images.ts";
import { refuseMissing } from "#compose/act/up.ts";
import { planProject } from "#compose/act/plan-project.ts";
import { modelSteps } from "#compose/outside/models.ts";
import { findPrograms, withSocketOf } from "#compose/outside/fill-project.ts";
import { openProject } from "#compose/open-project.ts";
import { type PlanAction, type PlanEntry, planEntries } from "#compose/plan/plan-entries.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { checkNeeded, checkPublished } from "./project/before-up.ts";
import { pullChoice, recreateChoice } from "./create.ts";
import { dryRun } from "./project/flags.ts";
import { removesOrphans } from "./project/orphans.ts";
import { outsideOf } from "./project/outside.ts";
import { projectRequest } from "./project/request.ts";
import { parseScale } from "./project/surroundings.ts";

/** With `--exit-code`, where `up` would change something. */
const CHANGES = 2;

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    all: boolFlag("Show what stays as it is, too", { short: "a" }),
    "always-recreate-deps": boolFlag(
      "Recreate dependent containers. Incompatible with --no-recreate.",
    ),
    build: boolFlag("Plan for 'up --build'"),
    "dry-run": dryRun,
    "exit-code": boolFlag(`Exit with ${CHANGES} where 'up' would change something`),
    "force-recreate": boolFlag(
      "Recreate containers even if their configuration and image haven't changed",
    ),
    format: stringFlag("Format the output. Values: [pretty | json | TEMPLATE]", {
      complete: ["pretty", "json"],
    }),
    json: boolFlag("The same as --format json"),
    "no-deps": boolFlag("Leave out linked services"),
    "no-recreate": boolFlag(
      "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
    ),
    pull: stringFlag('Pull image before running ("always"|"missing"|"never")', {
      default: "policy",
      complete: ["always", "missing", "never"],
    }),
    "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
    scale: listFlag(
      "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present.",
      { type: "stringArray" },
    ),
  },
  async run(cli, { flags, args, groupFlags }) {
    const format = flags.json ? "json" : flags.format;
    const render = isTemplate(format) ? compileObjectTemplate(format) : undefined;
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const withDependencies = !flags["no-deps"];
    const asked = withoutUnused(withServices(whole, args, { withDependencies }));
    await checkNeeded(cli, asked);
    const engine = await cli.engine();
    const outside = outsideOf(cli, engine, groupFlags);
    const { models } = await findPrograms(asked, { outside });
    const project = await withSocketOf(asked, { outside });
    const images = checkImages(
      project,
      { engine },
      {
        pull: pullChoice(flags.pull),
        choice: flags.build ? "all" : "missing",
      },
    );
    const { plan } = await planProject(
      project,
      { engine },
      images.then(({ ids }) => ids),
      {
        services: args,
        recreate: recreateChoice(flags),
        recreateDependencies: flags["always-recreate-deps"] ? "force" : "diverged",
        scale: parseScale(flags.scale, project),
        removesOrphans: removesOrphans(cli, flags),
        version: wharfVersion,
      },
    );
    refuseMissing(project, plan);
    await checkPublished(cli, project, plan);
    const steps = [...(await images).steps, ...modelSteps(project, models)];
    const entries = planEntries(project, plan, steps);
    const changing = entries.filter(isChange);
    const orphans = flags["remove-orphans"] ? [] : plan.orphans.map(({ name }) => name);
    const shown = { name: project.name, entries, orphans, isAll: flags.all };
    if (format === "json") cli.output.write(`${JSON.stringify(toJson(shown), undefined, 2)}\n`);
    else if (render) for (const entry of entries) cli.output.write(`${render(fields(entry))}\n`);
    else writePlan(cli, shown);
    return flags["exit-code"] && changing.length > 0 ? CHANGES : 0;
  },
});

function isTemplate(format: string): boolean {
  if (format === "" || format === "pretty" || format === "json") return false;
  if (format.includes("{{")) return true;
  throw new ExitError(`unsupported format "${format}": want pretty, json or a template`, 1);
}

/** What is told each time is no change. */
function isChange({ action, kind }: PlanEntry): boolean {
  return action !== "keep" && kind !== "provider";
}

interface Shown {
  readonly name: string;
  readonly entries: readonly PlanEntry[];
  readonly orphans: readonly string[];
  readonly isAll: boolean;
}

function toJson({ name, entries, orphans }: Shown): object {
  return {
    project: name,
    changes: entries.filter(isChange).length,
    steps: entries,
    orphans,
  };
}

/** Named as Go templates name fields. */
function fields({ kind, name, service, action, why, changes }: PlanEntry): object {
  const Changes = changes.map(({ key, from, to }) => ({ Key: key, From: from, To: to }));
  return { Kind: kind, Name: name, Service: service, Action: action, Why: why, Changes };
}

const MARKS: Readonly<Record<PlanAction, readonly [mark: string, style: Style]>> = {
  pull: ["↓", "cyan"],
  build: ["*", "cyan"],
  create: ["+", "green"],
  recreate: ["~", "yellow"],
  restart: ["^", "yellow"],
  start: [">", "green"],
  run: [">", "cyan"],
  remove: ["-", "red"],
  keep: [" ", "dim"],
};

function writePlan(cli: Cli, { name, entries, orphans, isAll }: Shown): void {
  const paint = colorizer(cli.output, cli.env);
  const lines: string[] = [];
  for (const entry of entries) {
    if (entry.action === "keep" && !isAll && entry.why === "") continue;
    const [mark, style] = MARKS[entry.action];
    const why = entry.why === "" ? "" : `: ${entry.why}`;
    lines.push(`${paint(style, `${mark} ${entry.kind} ${entry.name}  ${entry.action}`)}${why}`);
    for (const { key, from, to } of entry.changes) {
      lines.push(`    ${key}: ${valueText(from)} → ${valueText(to)}`);
    }
  }
  if (orphans.length > 0) lines.push(`  orphans, left as they are: ${orphans.join(", ")}`);
  const counts = new Map<PlanAction, number>();
  for (const { action, kind } of entries) {
    if (kind !== "provider") counts.set(action, (counts.get(action) ?? 0) + 1);
  }
  const changing = [...counts].filter(([action]) => action !== "keep");
  const kept = counts.get("keep") ?? 0;
  const summary =
    changing.length === 0
      ? `Nothing to do: all ${kept} are as the file says`
      : `${changing.map(([action, count]) => `${count} to ${action}`).join(", ")}, ${kept} to keep`;
  cli.output.write([...lines, `${name}: ${summary}`, ""].join("\n"));
}

/** Long values are cut; line breaks are shown as such. */
function valueText(value: string | undefined): string {
  if (value === undefined) return "(unset)";
  const text = value === "" ? '""' : value.replaceAll("\n", "\\n");
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
