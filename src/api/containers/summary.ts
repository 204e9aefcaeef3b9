import type { ContainerSummary } from "@docker/node-sdk";
import type { ContainerDetails } from "#containers/containers.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import type { Wire } from "#api/wire.ts";
import { shownMounts } from "./inspect.ts";
import { endpointsToWire, portSummaries } from "./network-settings.ts";
import { statusText, statusWord } from "./state-words.ts";

/** Docker quotes the words that have blanks, with single quotes. */
function commandText(path: string, args: readonly string[]): string {
  const words = args.map((word) => (/\s/.test(word) ? `'${word}'` : word));
  return [path, ...words].join(" ");
}

/** One row of `GET /containers/json`. */
export function summaryToWire(
  details: ContainerDetails,
  nowMs: number,
  version: ApiVersion,
): Wire<ContainerSummary> {
  const { record, sizes, health } = details;
  const mounts = [...shownMounts(details)].sort((left, right) =>
    (left.Destination ?? "") < (right.Destination ?? "") ? -1 : 1,
  );
  return {
    Id: record.id,
    Names: [record.name, ...details.linkNames].map((name) => `/${name}`),
    Image: record.imageReference,
    ImageID: record.imageId,
    Command: commandText(record.path, record.args),
    Created: Number(record.createdNanos / 1_000_000_000n),
    Ports: portSummaries(details),
    ...(sizes && {
      ...(sizes.writableBytes > 0 ? { SizeRw: sizes.writableBytes } : {}),
      SizeRootFs: sizes.rootfsBytes,
    }),
    Labels: record.config.Labels,
    State: statusWord(record.state),
    Status: statusText(record.state, nowMs, details.health),
    HostConfig: {
      NetworkMode: record.hostConfig.NetworkMode,
      ...(Object.keys(record.hostConfig.Annotations).length > 0
        ? { Annotations: record.hostConfig.Annotations }
        : {}),
    },
    NetworkSettings: { Networks: endpointsToWire(details) },
    Mounts: mounts,
    ...(isAtLeast(version, "1.52")
      ? { Health: { Status: health?.status ?? "none", FailingStreak: health?.failingStreak ?? 0 } }
      : {}),
  };
}
