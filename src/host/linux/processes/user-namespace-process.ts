import { closeSync, read, writeFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { FailedPreconditionError } from "#base/errors.ts";
import { formatIdRanges, type IdMappings } from "#base/id-mappings.ts";
import type { Processes } from "#host/processes.ts";

const UNSHARE = "/usr/bin/unshare";
const NSENTER = "/usr/bin/nsenter";
const CAT = "/bin/cat";
const readAside = promisify(read);

/** A process that waits in a user namespace; it ends when disposed. */
export interface UserNamespaceProcess extends AsyncDisposable {
  /** `/proc/PID` */
  readonly folder: string;
}

/**
 * A thread of a process that has others may not enter a user namespace, so a process of its own makes it.
 * What it is sent comes back once it has become `cat`, which is after the namespace was made.
 */
export async function startInUserNamespace(
  processes: Pick<Processes, "spawn">,
  mappings: IdMappings,
  options: { readonly withNetwork: boolean; readonly joinedPath: string | undefined },
): Promise<UserNamespaceProcess> {
  const { withNetwork, joinedPath } = options;
  const makes = [
    ...(joinedPath === undefined ? ["--user"] : []),
    ...(withNetwork ? ["--net"] : []),
  ];
  const { pid, exited, pipes } = processes.spawn({
    argv: [
      ...(joinedPath === undefined ? [] : [NSENTER, `--user=${joinedPath}`, "--"]),
      ...[UNSHARE, ...makes, "--", CAT],
    ],
    env: {},
    stdio: ["pipe", "pipe", "ignore"],
  });
  const [input = -1, output = -1] = pipes;
  const end = async (): Promise<void> => {
    closeSync(input);
    closeSync(output);
    await exited;
  };
  const folder = `/proc/${pid}`;
  try {
    writeSync(input, "\n");
    const { bytesRead } = await readAside(output, Buffer.alloc(1), 0, 1, null);
    if (bytesRead !== 1) {
      throw new FailedPreconditionError(
        "Cannot make a user namespace: this host does not allow one (see /proc/sys/user/max_user_namespaces)",
      );
    }
    if (joinedPath === undefined) {
      writeFileSync(`${folder}/uid_map`, formatIdRanges(mappings.users));
      writeFileSync(`${folder}/gid_map`, formatIdRanges(mappings.groups));
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: end };
}
