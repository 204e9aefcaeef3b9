import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** First of the host's ids that `mapped` lends to containers. */
export const MAPPED_FIRST = 300_000;

/**
 * A command that gives the engine an account `mapped` for `--userns-remap`: it sees accounts of its own in /etc, and those of
 * the machine stay as they are.
 *
 * @param folder For those files; somebody else's to remove.
 */
export function withMappedAccount(folder: string): readonly string[] {
  const upper = join(folder, "upper");
  for (const part of [upper, join(folder, "work")]) mkdirSync(part, { recursive: true });
  const accounts = {
    passwd: `${readFileSync("/etc/passwd", "utf8")}mapped:x:7777:7777::/:/bin/false\n`,
    group: `${readFileSync("/etc/group", "utf8")}mapped:x:7777:\n`,
    subuid: `mapped:${MAPPED_FIRST}:65536\n`,
    subgid: `mapped:${MAPPED_FIRST}:65536\n`,
  };
  for (const [name, text] of Object.entries(accounts)) writeFileSync(join(upper, name), text);
  const script = `mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc && exec "$@"`;
  return ["unshare", "-m", "--propagation", "slave", "sh", "-c", script, folder];
}
