import { expect, test } from "bun:test";

const MARK = "WHARF_TEST_OWN_NETWORK";
/** Cgroups stay where they are; /sys shows the devices of the new network namespace. */
const SCRIPT = `set -e
mount --rbind /sys/fs/cgroup /mnt
mount -t sysfs sysfs /sys
mount --rbind /mnt /sys/fs/cgroup
ip link set lo up
exec "$@"`;

/** Command that runs `argv` in network and mount namespaces of its own: a host without anybody else's rules. */
export function inOwnNetwork(argv: readonly string[]): readonly string[] {
  return ["unshare", "--net", "--mount", "sh", "-c", SCRIPT, "sh", ...argv];
}

/**
 * Declares the tests of a file where they may do what they like to the host's rules: the file is run once more in
 * namespaces of its own, and there `declare` is called.
 *
 * @param path The file's own.
 */
export function testInOwnNetwork(path: string, declare: () => void): void {
  if (Bun.env[MARK] === path) return declare();
  test("in a network namespace of its own", async () => {
    const child = Bun.spawn(
      [...inOwnNetwork([process.execPath, "test", "--timeout", "60000", path])],
      {
        env: { ...process.env, [MARK]: path },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [output, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect(await child.exited, `${output}${errors}`).toBe(0);
  }, 180_000);
}
