// `npm run bench:dns`: the name servers of containers, Wharf's beside docker's in one run. See README.md.
import { randomBytes } from "node:crypto";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

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

async function command(...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, DOCKER_HOST: "", DOCKER_CONTEXT: "", WHARF_AUTOSTART: "0" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${argv.join(" ")} exited ${code}: ${stderr}`);
  return stdout.trim();
}

async function startWharf(root: string): Promise<Bun.Subprocess> {
  const log = openSync(join(root, "daemon.log"), "a");
  const daemon = Bun.spawn(
    [
      ...[WHARF, "daemon", "-H", `unix://${root}/wharf.sock`, "--data-root", `${root}/data`],
      ...["--exec-root", `${root}/run`, "--pidfile", `${root}/wharf.pid`, "--bridge", BRIDGE],
    ],
    { stdin: "ignore", stdout: log, stderr: log },
  );
  for (let attempt = 0; attempt < 500; attempt++) {
    const answer = await fetch("http://wharf/_ping", { unix: `${root}/wharf.sock` }).catch(
      () => undefined,
    );
    if (answer?.ok) return daemon;
    await Bun.sleep(20);
  }
  throw new Error(`The engine does not answer: see ${root}/daemon.log`);
}

const root = mkdtempSync("/var/tmp/wharf-bdns-");
const peer = options.peer ?? (await command("bash", "bench/peers.sh", "start"));
let daemon = await startWharf(root);
const engines = [
  { name: "wharf", client: [WHARF, "-H", `unix://${root}/wharf.sock`] },
  ...(peer === "none" ? [] : [{ name: "docker", client: [DOCKER, "-H", peer] }]),
];
try {
  const tar = join(root, "busybox.tar");
  await command("bash", "-c", `. scripts/lib/common.sh; make_busybox_tar ${tar}`);
  const pids = new Map<string, string>();
  for (const { name, client } of engines) {
    await command(...client, "import", "-c", 'CMD ["sh"]', tar, "busybox:latest");
    await command(...client, "network", "create", NETWORK);
    for (const container of ["bench-db", "bench-web"]) {
      const words = ["--name", container, "--network", NETWORK, "busybox", "sleep", "100000"];
      await command(...client, "run", "-d", ...words);
    }
    pids.set(name, await command(...client, "inspect", "-f", "{{.State.Pid}}", "bench-web"));
  }
  for (const load of LOADS) {
    for (let run = 0; run < Number(options.runs); run += 1) {
      for (const { name } of engines) {
        const enter = ["nsenter", "-t", pids.get(name) ?? "", "-n"];
        const figures = await command(...enter, BUN, "bench/dns-load.ts", ...load);
        console.log(`${name.padEnd(8)}${load.join(" ").padEnd(28)}${figures}`);
      }
    }
  }
  for (let run = 0; run < Number(options.runs); run += 1) {
    daemon.kill("SIGKILL");
    await daemon.exited;
    const enter = ["nsenter", "-t", pids.get("wharf") ?? "", "-n"];
    const asking = command(...enter, BUN, "bench/dns-load.ts", "back", "bench-db");
    const startedAtMs = Date.now();
    daemon = await startWharf(root);
    const readyMs = Date.now() - startedAtMs;
    const { answeredAtMs } = JSON.parse(await asking) as { readonly answeredAtMs: number };
    const figures = { namesBackMs: answeredAtMs - startedAtMs, apiBackMs: readyMs };
    console.log(`${"wharf".padEnd(8)}${"after kill -9".padEnd(28)}${JSON.stringify(figures)}`);
  }
} finally {
  for (const { client } of engines) {
    await command(...client, "rm", "-f", "bench-db", "bench-web").catch(console.error);
    await command(...client, "network", "rm", NETWORK).catch(console.error);
  }
  daemon.kill("SIGTERM");
  await daemon.exited;
  rmSync(root, { recursive: true, force: true });
  if (options.peer === undefined) await command("bash", "bench/peers.sh", "stop");
}
