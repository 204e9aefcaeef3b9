import { InvalidArgumentError } from "#base/errors.ts";
import { toHostId } from "#base/id-mappings.ts";
import { mappedOwners } from "#containers/mounts/mount-sources.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { MappedOwners } from "#snapshots/snapshotter.ts";

/** Who the users of a step are on the host, under the engine's `--userns-remap`. */
export interface StepUsers {
  /** For mounts of layers: what is on disk is what the step sees. */
  owners(): Promise<MappedOwners>;
  /** @throws {InvalidArgumentError} The step knows nobody by that id. */
  onHost(owner: { readonly uid: number; readonly gid: number }): {
    readonly uid: number;
    readonly gid: number;
  };
}

/** @returns Undefined where steps have the host's users. */
export function openStepUsers(
  parts: Pick<ContainerParts, "mappingNamespaces" | "settings">,
): StepUsers | undefined {
  const { idMappings } = parts.settings;
  if (!idMappings) return undefined;
  return {
    owners: () => mappedOwners(parts, { mappings: idMappings }),
    onHost: (owner) => {
      const uid = toHostId(idMappings.users, owner.uid);
      const gid = toHostId(idMappings.groups, owner.gid);
      if (uid === undefined || gid === undefined) {
        throw new InvalidArgumentError(
          `owner ${owner.uid}:${owner.gid} is not one of the user namespace that steps have by --userns-remap`,
        );
      }
      return { uid, gid };
    },
  };
}
