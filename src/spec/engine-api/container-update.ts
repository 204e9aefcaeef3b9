import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { cleanPath } from "#base/posix-path.ts";
import { checkEnvironment } from "./container-config.ts";
import type { PortBinding, Resources, RestartPolicy } from "./host-config.ts";
import { type Mount, readMount } from "./mount.ts";
import { readPortBindings, readRestartPolicy } from "./read-host-config.ts";
import {
  checkResources,
  isResourceSet,
  readKernelMemory,
  readResources,
  resourceWarnings,
} from "./resources.ts";
import { type ApiVersion, isAtLeast, MAX_API_VERSION } from "./version.ts";

/** Ports by the container's port (`80/tcp`) with what of the host leads there. */
export type PortBindings = Readonly<Record<string, readonly PortBinding[]>>;

/** Only what the request named; the containers merge it into what they have, then check. */
export interface ContainerUpdateRequest {
  /** A `PidsLimit` of `null` takes the limit away. */
  readonly resources: Partial<Resources>;
  readonly restartPolicy?: RestartPolicy;
  readonly labels: {
    readonly add: Readonly<Record<string, string>>;
    readonly remove: readonly string[];
  };
  readonly ports: {
    readonly add: PortBindings;
    /** An empty address or port of a binding stands for any. */
    readonly remove: PortBindings;
  };
  readonly environment: {
    /** `NAME=value`; a bare `NAME` unsets what the image sets. */
    readonly add: readonly string[];
    /** Names. */
    readonly remove: readonly string[];
  };
  readonly mounts: {
    readonly add: readonly Mount[];
    /** Targets in the container, absolute and clean. */
    readonly remove: readonly string[];
  };
  /** What a container is called on networks that it is on, by the network's name. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  /** The container whose ports pass over, and whose aliases on those networks end. */
  readonly takeOverFrom?: string;
  /** For the `Warnings` of the answer. */
  readonly warnings: readonly string[];
}

const MAX_ITEMS = 10_000;

const UPDATABLE = [
  "CpuShares",
  "Memory",
  "NanoCpus",
  "BlkioWeight",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "MemoryReservation",
  "MemorySwap",
  "BlkioWeightDevice",
  "BlkioDeviceReadBps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteIOps",
] as const;

/** Docker takes them in silence and changes nothing. */
const FIXED = [
  "CgroupParent",
  "Devices",
  "DeviceCgroupRules",
  "DeviceRequests",
  "MemorySwappiness",
  "OomKillDisable",
  "Ulimits",
] as const;

export interface UpdateReadOptions {
  readonly apiVersion?: ApiVersion;
  /** Present when the number of the host's CPUs is to be held against `NanoCpus`. */
  readonly cpuCount?: number | undefined;
}

function readLimits(
  reader: JsonReader,
  { apiVersion: version = MAX_API_VERSION, cpuCount }: UpdateReadOptions,
): Pick<ContainerUpdateRequest, "resources" | "warnings"> {
  const all = readResources(reader);
  checkResources(all, { isUpdate: true, cpuCount });
  const resources: Partial<Record<keyof Resources, unknown>> = {};
  for (const key of UPDATABLE) if (isResourceSet(all[key])) resources[key] = all[key];
  if (reader.has("PidsLimit") && isAtLeast(version, "1.40")) {
    resources.PidsLimit = (all.PidsLimit ?? 0) > 0 ? all.PidsLimit : null;
  }
  return {
    // the loop copies single fields of a Resources, each under its own name
    resources: resources as Partial<Resources>,
    warnings: [
      ...readKernelMemory(reader, version),
      ...resourceWarnings(all),
      ...FIXED.filter((key) => isResourceSet(all[key])).map(
        (key) => `${key} is fixed when a container is created. ${key} discarded.`,
      ),
    ],
  };
}

function readLabels(reader: JsonReader): ContainerUpdateRequest["labels"] {
  const labels = {
    add: reader.stringMap("AddLabels") ?? {},
    remove: reader.strings("RemoveLabels") ?? [],
  };
  if ([...Object.keys(labels.add), ...labels.remove].includes("")) {
    throw new InvalidArgumentError("invalid label: the name is empty");
  }
  return labels;
}

function readEnvironmentChange(reader: JsonReader): ContainerUpdateRequest["environment"] {
  const remove = reader.strings("RemoveEnv") ?? [];
  for (const name of remove) {
    if (name === "" || name.includes("=")) {
      throw new InvalidArgumentError(`invalid environment variable name: ${JSON.stringify(name)}`);
    }
  }
  const add = reader.strings("AddEnv") ?? [];
  checkEnvironment(add);
  return { add, remove };
}

function readMountChange(reader: JsonReader): ContainerUpdateRequest["mounts"] {
  const remove = (reader.strings("RemoveMounts") ?? []).map((target) => {
    if (!target.startsWith("/")) {
      throw new InvalidArgumentError(
        `invalid mount target ${JSON.stringify(target)}: it must be an absolute path`,
      );
    }
    return cleanPath(target);
  });
  const add = (reader.objects("AddMounts") ?? []).map(readMount);
  const seen = new Set<string>();
  for (const { Target } of add) {
    const target = cleanPath(Target);
    if (seen.has(target)) throw new InvalidArgumentError(`Duplicate mount point: ${target}`);
    seen.add(target);
  }
  return { add, remove };
}

/**
 * Reads the body of `POST /containers/{id}/update`. As in Docker, 0 and empty mean "leave as it is",
 * but for `PidsLimit`, where 0 and below take the limit away. `AddLabels`, `RemoveLabels`,
 * `AddPortBindings`, `RemovePortBindings`, `AddEnv`, `RemoveEnv`, `AddMounts`, `RemoveMounts`, `Endpoints` and
 * `TakeOverFrom` are ours.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseContainerUpdate(
  body: unknown,
  options: UpdateReadOptions = {},
): ContainerUpdateRequest {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "container.UpdateConfig",
    maxItems: MAX_ITEMS,
  });
  const policy = reader.object("RestartPolicy");
  const isPolicyGiven = Boolean(policy?.string("Name"));
  return {
    ...readLimits(reader, options),
    ...(isPolicyGiven ? { restartPolicy: readRestartPolicy(policy) } : {}),
    labels: readLabels(reader),
    ports: {
      add: readPortBindings(reader, "AddPortBindings"),
      remove: readPortBindings(reader, "RemovePortBindings"),
    },
    environment: readEnvironmentChange(reader),
    mounts: readMountChange(reader),
    ...readTakeOver(reader),
  };
}

function readTakeOver(
  reader: JsonReader,
): Pick<ContainerUpdateRequest, "aliases" | "takeOverFrom"> {
  const aliases = new Map(
    (reader.objectMap("Endpoints") ?? []).map(([network, settings]) => [
      network,
      settings.strings("Aliases") ?? [],
    ]),
  );
  if ([...aliases.values()].flat().includes("")) {
    throw new InvalidArgumentError("invalid alias: it is empty");
  }
  const takeOverFrom = reader.string("TakeOverFrom") ?? "";
  return takeOverFrom === "" ? { aliases } : { aliases, takeOverFrom };
}
