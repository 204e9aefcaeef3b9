// `npm run bench:dns`: the name servers of containers, Wharf's beside docker's in one run. See README.md.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { command, startWharf } from "./engines.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    /** Socket of a docker engine; `none` measures ours alone. */
    peer: { type: "string" },
  },
});
const WHARF = resolve("dist/wharf");
const DOCKER = Bun.which("docker") ?? "docker";
const BUN = resolve("node_modules/.bin/bun");
const NETWORK = "bench-dns";
const BRIDGE = `wb${randomBytes(5).toString("hex")}`;
const LOADS = [
  ["latency", "bench-db", "2000"],
  ["rate", "bench-db", "5000", "3000"],
  ["rate", "bench-db", "20000", "3000"],
] as const;

const root = mkdtempSync("/var/tmp/wharf-bdns-");
const peer = options.peer ?? (await command(["bash", "bench/peers.sh", "start"]));
let daemon = await startWharf(WHARF, root, BRIDGE);
const engines = [
  { name: "wharf", client: [WHARF, "-H", `unix://${root}/wharf.sock`] },
  ...(peer === "none" ? [] : [{ name: "docker", client: [DOCKER, "-H", peer] }]),
];
try {
  const tar = join(root, "busybox.tar");
  await command(["bash", "-c", `. scripts/lib/common.sh; make_busybox_tar ${tar}`]);
  const pids = new Map<string, string>();
  for (const { name, client } of engines) {
    await command([...client, "import", "-c", 'CMD ["sh"]', tar, "busybox:latest"]);
    await command([...client, "network", "create", NETWORK]);
    for (const container of ["bench-db", "bench-web"]) {
      const words = ["--name", container, "--network", NETWORK, "busybox", "sleep", "100000"];
      await command([...client, "run", "-d", ...words]);
    }
    pids.set(name, await command([...client, "inspect", "-f", "{{.State.Pid}}", "bench-web"]));
  }
  for (const load of LOADS) {
    for (let run = 0; run < Number(options.runs); run += 1) {
      for (const { name } of engines) {
        const enter = ["nsenter", "-t", pids.get(name) ?? "", "-n"];
        const figures = await command([...enter, BUN, "bench/dns-load.ts", ...load]);
        console.log(`${name.padEnd(8)}${load.join(" ").padEnd(28)}${figures}`);
      }
    }
  }
  for (let run = 0; run < Number(options.runs); run += 1) {
    daemon.kill("SIGKILL");
    await daemon.exited;
    const enter = ["nsenter", "-t", pids.get("wharf") ?? "", "-n"];
    const asking = command([...enter, BUN, "bench/dns-load.ts", "back", "bench-db"]);
    const startedAtMs = Date.now();
    daemon = await startWharf(WHARF, root, BRIDGE);
    const readyMs = Date.now() - startedAtMs;
    const { answeredAtMs } = JSON.parse(await asking) as { readonly answeredAtMs: number };
    const figures = { namesBackMs: answeredAtMs - startedAtMs, apiBackMs: readyMs };
    console.log(`${"wharf".padEnd(8)}${"after kill -9".padEnd(28)}${JSON.stringify(figures)}`);
  }
} finally {
  for (const { client } of engines) {
    await command([...client, "rm", "-f", "bench-db", "bench-web"]).catch(console.error);
    await command([...client, "network", "rm", NETWORK]).catch(console.error);
  }
  daemon.kill("SIGTERM");
  await daemon.exited;
  rmSync(root, { recursive: true, force: true });
  if (options.peer === undefined) await command(["bash", "bench/peers.sh", "stop"]);
}
