/** A process to be killed: starts a detached one and prints its number. */
import { openLinuxHost } from "#host/linux/host.ts";

const host = await openLinuxHost();
const { pid, exited } = host.processes.spawn({
  argv: ["/bin/sleep", "600"],
  stdio: ["ignore", "ignore", "ignore"],
  detached: true,
});
process.stdout.write(`${pid}\n`);
await exited;
