import type { ContainerSummary, ImageInspect } from "@docker/node-sdk";
import { InvalidArgumentError } from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import { formatTable } from "#base/tables.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { shortId, timeAgo } from "#cli/output/texts.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { LABEL } from "#compose/labels.ts";
import { familiarName, tryParseImageReference } from "#spec/reference.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

/** An image of a container, as `--format json` prints it. */
interface UsedImage {
  readonly ID: string;
  readonly ContainerName: string;
  readonly Repository: string;
  readonly Tag: string;
  readonly Platform: string;
  readonly Size: number;
  readonly LastTagTime?: string;
}

const HEADERS = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    format: stringFlag("Format the output. Values: [table | json]", {
      default: "table",
      complete: ["table", "json"],
    }),
    quiet: boolFlag("Only display IDs", { short: "q" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { format } = flags;
    if (format !== "table" && format !== "json") {
      throw new InvalidArgumentError(
        `format value ${JSON.stringify(format)} could not be parsed: want table or json`,
      );
    }
    const { projectName } = await nameAndProject(cli, groupFlags);
    const images = await usedImages(await cli.engine(), projectName, args);
    if (flags.quiet) {
      const ids = new Set(images.map(({ ID }) => ID.replace(/^sha256:/, "")));
      cli.output.write([...ids].map((id) => `${id}\n`).join(""));
      return 0;
    }
    if (format === "json") {
      cli.output.write(`${JSON.stringify(images)}\n`);
      return 0;
    }
    const rows = images.map((image) => [
      image.ContainerName,
      image.Repository,
      image.Tag,
      image.Platform,
      shortId(image.ID),
      formatDecimalSize(image.Size, 3),
      image.LastTagTime === undefined ? "N/A" : timeAgo(Date.parse(image.LastTagTime), cli.now()),
    ]);
    cli.output.write(formatTable(HEADERS, rows, { minCellWidth: 20, padding: 1 }));
    return 0;
  },
});

async function usedImages(
  engine: EngineClient,
  projectName: string,
  services: readonly string[],
): Promise<readonly UsedImage[]> {
  const found = await engine.getJson<readonly ContainerSummary[]>("/containers/json", {
    query: { all: true, filters: { label: [`${LABEL.project}=${projectName}`] } },
  });
  const label = ({ Labels }: ContainerSummary, name: string): string => Labels?.[name] ?? "";
  const own = found
    .filter((each) => label(each, LABEL.oneOff) !== "True")
    .filter((each) => services.length === 0 || services.includes(label(each, LABEL.service)));
  const images = await Promise.all(own.map((each) => usedImage(engine, each)));
  return images.toSorted((one, other) => (one.ContainerName < other.ContainerName ? -1 : 1));
}

async function usedImage(
  engine: EngineClient,
  { Names, ImageID = "", Image = "" }: ContainerSummary,
): Promise<UsedImage> {
  const inspected = await engine.getJson<ImageInspect>(
    `/images/${encodeURIComponent(ImageID)}/json`,
  );
  const { Id = ImageID, RepoTags, Os = "", Architecture = "", Variant, Size = 0 } = inspected;
  const tags = RepoTags ?? [];
  const parsed = tryParseImageReference(tags.includes(Image) ? Image : (tags[0] ?? ""));
  const lastTagged = inspected.Metadata?.LastTagTime;
  const isTagged = typeof lastTagged === "string" && !lastTagged.startsWith("0001-");
  return {
    ID: Id,
    ContainerName: (Names?.[0] ?? "").replace(/^\//, ""),
    Repository: parsed.ok ? familiarName(parsed.reference) : "<none>",
    Tag: parsed.ok ? (parsed.reference.tag ?? "latest") : "<none>",
    Platform: [Os, Architecture, ...(Variant ? [Variant] : [])].join("/"),
    Size,
    ...(isTagged ? { LastTagTime: lastTagged } : {}),
  };
}
