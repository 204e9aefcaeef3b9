import { readFileSync, statSync } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";
import { resolveUser } from "#containers/oci-spec/user.ts";
import { type Owner, pathInRoot } from "#builder/files/root-paths.ts";

const MAX_BYTES = 4 * 1024 * 1024;

function readIn(root: string, path: string): string {
  const resolved = pathInRoot(root, path, { followsLast: true });
  const found = statSync(resolved, { throwIfNoEntry: false });
  return found?.isFile() && found.size <= MAX_BYTES ? readFileSync(resolved, "utf8") : "";
}

/**
 * Reads `user[:group]` by the files of the root. A number alone is the group as well; a name's group is that of its line in
 * /etc/passwd.
 *
 * @throws {InvalidArgumentError} A name that is not there.
 */
export function ownerIn(root: string, text: string): Owner | undefined {
  if (text === "") return undefined;
  const [user = "", group] = text.split(":", 2);
  const files = { passwd: readIn(root, "/etc/passwd"), group: readIn(root, "/etc/group") };
  try {
    const found = resolveUser(text, [], files);
    const isNumber = /^\d+$/.test(user) && group === undefined;
    return { uid: found.uid, gid: isNumber ? found.uid : found.gid };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(
      `Cannot change the owner to ${JSON.stringify(text)}: ${error.message}`,
      { cause: error },
    );
  }
}
