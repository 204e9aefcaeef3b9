import { formatBinarySize, formatDecimalSize } from "#base/sizes.ts";
import type { ListFormat } from "#cli/output/list.ts";
import { shortId } from "#cli/output/texts.ts";
import type { UsageSample } from "./sample.ts";

/** One line of `stats`. */
export interface UsageRow {
  /** The container as it was asked for. */
  readonly container: string;
  /** The last sample; undefined before the first. */
  readonly sample: UsageSample | undefined;
  /** False where the numbers are too old to be shown, or there are none. */
  readonly isCurrent: boolean;
}

const unknown = "--";

export function statsListFormat(truncate: boolean): ListFormat<UsageRow> {
  return {
    goType: "*container.statsContext",
    table:
      "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    quiet: "{{.ID}}",
    configKey: "statsFormat",
    headers: {
      Container: "CONTAINER",
      Name: "NAME",
      ID: "CONTAINER ID",
      CPUPerc: "CPU %",
      MemUsage: "MEM USAGE / LIMIT",
      MemPerc: "MEM %",
      NetIO: "NET I/O",
      BlockIO: "BLOCK I/O",
      PIDs: "PIDS",
    },
    fields: (row) => rowFields(row, truncate),
  };
}

function rowFields(
  { container, sample, isCurrent }: UsageRow,
  truncate: boolean,
): Readonly<Record<string, unknown>> {
  const id = sample?.id ?? "";
  const name = sample?.name.replace(/^\//, "") ?? "";
  return {
    Container: container,
    ID: truncate ? shortId(id) : id,
    Name: name === "" ? unknown : name,
    ...(sample && isCurrent ? numberFields(sample) : missingFields),
  };
}

const missingFields: Readonly<Record<string, string>> = {
  CPUPerc: unknown,
  MemUsage: `${unknown} / ${unknown}`,
  MemPerc: unknown,
  NetIO: unknown,
  BlockIO: unknown,
  PIDs: unknown,
};

function numberFields(sample: UsageSample): Readonly<Record<string, string>> {
  const pair = (first: number, second: number): string =>
    `${formatDecimalSize(first, 3)} / ${formatDecimalSize(second, 3)}`;
  return {
    CPUPerc: `${sample.cpuPercent.toFixed(2)}%`,
    MemUsage: `${formatBinarySize(sample.memoryBytes)} / ${formatBinarySize(sample.memoryLimitBytes)}`,
    MemPerc: `${sample.memoryPercent.toFixed(2)}%`,
    NetIO: pair(sample.networkReceivedBytes, sample.networkSentBytes),
    BlockIO: pair(sample.blockReadBytes, sample.blockWrittenBytes),
    PIDs: String(sample.processes),
  };
}
