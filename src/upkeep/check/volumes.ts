import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "#base/fault.ts";
import type { Mounts } from "#host/mounts.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import type { Volumes } from "#volumes/volumes.ts";

export interface VolumeSources {
  /** Folder of the local volumes. */
  readonly directory: string;
  readonly volumes: Pick<
    Volumes,
    "create" | "dereference" | "get" | "isHold" | "isRecorded" | "list" | "usersOf"
  >;
  readonly mounts: Pick<Mounts, "list" | "unmount">;
  /** Ids of every container with a record. */
  readonly containerIds: () => ReadonlySet<string>;
}

const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Data is never removed: a folder without a record becomes a volume again, for its owner to decide. */
function folderFault({ directory, volumes }: VolumeSources, name: string): Fault {
  const subject = join(directory, name);
  const explanation = "A folder of volumes that no record names";
  if (!VOLUME_NAME.test(name) || !existsSync(join(subject, "_data"))) {
    return {
      kind: "folder",
      subject,
      explanation: `${explanation}: remove it, if it is not yours`,
    };
  }
  return {
    kind: "folder",
    subject,
    explanation,
    mend: {
      words: `make volume ${name} of it again (volume rm removes it)`,
      apply: async () => {
        if (!volumes.isRecorded(name)) await volumes.create({ name });
      },
    },
  };
}

function userFaults({ volumes, containerIds }: VolumeSources): readonly Fault[] {
  const known = containerIds();
  return volumes.list(NO_FILTERS).flatMap(({ name }) =>
    volumes
      .usersOf(name)
      .filter((user) => !known.has(user) && !volumes.isHold(user))
      .map(
        (user): Fault => ({
          kind: "record",
          subject: `${name} ${user}`,
          explanation: `Volume ${name} is held for a container that is not there any more`,
          mend: {
            words: "let go of it",
            apply: async () => {
              if (!containerIds().has(user)) volumes.dereference(name, user);
            },
          },
        }),
      ),
  );
}

function mountFaults({ directory, volumes, mounts }: VolumeSources): readonly Fault[] {
  const idle = volumes
    .list(NO_FILTERS)
    .filter(({ name }) => volumes.usersOf(name).length === 0)
    .map(({ name }) => ({ name, target: join(directory, name, "_data") }));
  const mounted = new Set(mounts.list(directory).map(({ target }) => target));
  return idle
    .filter(({ target }) => mounted.has(target))
    .map(
      ({ name, target }): Fault => ({
        kind: "mount",
        subject: target,
        explanation: `Volume ${name} is mounted and no container has it`,
        mend: {
          words: "unmount it",
          apply: async () => {
            if (volumes.usersOf(name).length === 0) mounts.unmount(target);
          },
        },
      }),
    );
}

/** Volumes' folders, mounts and users against their records. */
export function auditVolumes(sources: VolumeSources): readonly Fault[] {
  const { directory, volumes } = sources;
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const strays = names.filter((name) => !name.startsWith(".") && !volumes.isRecorded(name));
  return [
    ...strays.map((name) => folderFault(sources, name)),
    ...userFaults(sources),
    ...mountFaults(sources),
  ];
}
