import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { DeviceRequest } from "#spec/engine-api/host-config.ts";
import { type CdiCatalogue, readCatalogue } from "./catalogue.ts";
import { tryParseQualifiedName } from "./device-name.ts";
import type { CdiEdits, CdiSpec } from "./spec.ts";

/** Kinds that serve `--gpus`, the first that the host has. */
const GPU_KINDS = ["nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu"];
const DRIVER_KINDS: Readonly<Record<string, readonly string[]>> = {
  "": GPU_KINDS,
  nvidia: ["nvidia.com/gpu"],
  amd: ["amd.com/gpu"],
  "amd.com": ["amd.com/gpu"],
};

/**
 * What the devices that a container asks for change of its config.json, in the order in which they are to be
 * applied.
 *
 * @param directories Folders of specifications; none switches CDI off.
 * @throws {InvalidArgumentError} {FailedPreconditionError} No such device, with Docker's texts.
 */
export function resolveDeviceRequests(
  requests: readonly DeviceRequest[],
  directories: readonly string[],
): readonly CdiEdits[] {
  if (requests.length === 0) return [];
  const catalogue = readCatalogue(directories);
  const names = requests.flatMap((request) =>
    request.Driver === "cdi" && directories.length > 0
      ? namesOf(request)
      : gpusOf(request, catalogue, directories),
  );
  return editsOf([...new Set(names)], catalogue);
}

function namesOf(request: DeviceRequest): readonly string[] {
  if (request.Count !== 0) {
    throw new InvalidArgumentError("unexpected count in CDI device request");
  }
  if (Object.keys(request.Options).length > 0) {
    throw new InvalidArgumentError("unexpected options in CDI device request");
  }
  return request.DeviceIDs;
}

/** `--gpus all`, `--gpus 2`, `--gpus device=0,1`, served by what a CDI file calls a GPU. */
function gpusOf(
  request: DeviceRequest,
  { devices }: CdiCatalogue,
  directories: readonly string[],
): readonly string[] {
  const asksForGpu = request.Capabilities.some((group) => group.includes("gpu"));
  const kinds = asksForGpu ? (DRIVER_KINDS[request.Driver] ?? []) : [];
  const kind = kinds.find((each) =>
    [...devices.keys()].some((name) => name.startsWith(`${each}=`)),
  );
  if (kind === undefined) throw noDriver(request, directories);
  if (request.DeviceIDs.length > 0) return request.DeviceIDs.map((id) => `${kind}=${id}`);
  const numbered = [...devices.keys()]
    .filter((name) => /^\d+$/.test(name.slice(kind.length + 1)) && name.startsWith(`${kind}=`))
    .sort(
      (left, right) => Number(left.slice(kind.length + 1)) - Number(right.slice(kind.length + 1)),
    );
  if (request.Count < 0) return devices.has(`${kind}=all`) ? [`${kind}=all`] : numbered;
  if (request.Count > numbered.length) {
    throw new FailedPreconditionError(
      `Cannot give the container ${request.Count} GPUs: the host has ${numbered.length} of ${kind}`,
    );
  }
  return numbered.slice(0, request.Count);
}

/** Docker's words, then what would help. */
function noDriver(request: DeviceRequest, directories: readonly string[]): FailedPreconditionError {
  const capabilities = request.Capabilities.map((group) => `[${group.join(" ")}]`).join(" ");
  const why =
    directories.length === 0
      ? "CDI is switched off by --cdi-spec-dir"
      : `no CDI specification in ${directories.join(", ")} names such a device`;
  return new FailedPreconditionError(
    `could not select device driver ${JSON.stringify(request.Driver)} with capabilities: [${capabilities}]: ${why}`,
  );
}

function editsOf(names: readonly string[], { devices, problems }: CdiCatalogue): CdiEdits[] {
  const missing = names.filter((name) => !tryParseQualifiedName(name) || !devices.has(name));
  if (missing.length > 0) {
    const hint = problems.length === 0 ? "" : `: ${problems.join("; ")}`;
    throw new FailedPreconditionError(
      `CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}${hint}`,
    );
  }
  const seen = new Set<CdiSpec>();
  return names.flatMap((name) => {
    const found = devices.get(name);
    if (!found) return [];
    const isNew = !seen.has(found.spec);
    seen.add(found.spec);
    return isNew ? [found.spec.edits, found.device.edits] : [found.device.edits];
  });
}
