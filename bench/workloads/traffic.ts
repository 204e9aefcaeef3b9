import { join } from "node:path";
import { run } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import { TRAFFIC } from "../suite/preparation.ts";
import type { Bench, Family } from "../suite/workload.ts";
import { removeContainers, SLEEP } from "./shared.ts";

const NETWORK = "bench-names";
const IMAGE = "bench-traffic:latest";
const OUTSIDE = "wbenchout";
const ASKED_PER_SECOND = 50_000;

/** What containers send and ask: iperf3 by a published port from another network namespace, and names. */
export function trafficFamily(bench: Bench): Family {
  // docker's client sees this run's folder only
  const tar = join(bench.folder, "traffic.tar");
  const seconds = bench.isQuick ? 2 : 3;
  return {
    name: "traffic",
    workloads: [
      {
        name: "iperf3 by a published port",
        unit: "Gbit/s",
        isMoreBetter: true,
        maxRuns: bench.isQuick ? 2 : 5,
        hasWarmUp: false,
        prepare: async ({ cli }) => {
          await openOutside();
          await run(["cp", "--reflink=auto", TRAFFIC.tar, tar]);
          await cli(["import", tar, IMAGE]);
          const words = ["--name", "bench-iperf", "-p", "5201", IMAGE, "iperf3", "-s"];
          await cli(["run", "-d", ...words]);
        },
        run: async (contender) => await gigabits(contender, seconds),
        clean: async (contender) => {
          await removeContainers(contender, "bench-iperf");
          await contender.cli(["rmi", IMAGE]);
        },
      },
      {
        name: "names answered",
        unit: "1/s",
        isMoreBetter: true,
        maxRuns: bench.isQuick ? 2 : 5,
        prepare: async ({ cli }) => {
          await cli(["network", "create", NETWORK]);
          for (const name of ["bench-db", "bench-web"]) {
            await cli(["run", "-d", "--name", name, "--network", NETWORK, ...SLEEP]);
          }
        },
        run: answeredNames,
        clean: async (contender) => {
          await removeContainers(contender, "bench-db", "bench-web");
          await contender.cli(["network", "rm", NETWORK]);
        },
      },
    ],
  };
}

/** Another machine's stand-in: a network namespace joined to the engines' by a veth pair; once for all. */
async function openOutside(): Promise<void> {
  const known = await run(["ip", "netns", "list"]);
  if (known.includes(OUTSIDE)) return;
  await run(["ip", "netns", "add", OUTSIDE]);
  await run([
    "ip",
    "link",
    "add",
    "wbo0",
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    OUTSIDE,
  ]);
  await run(["ip", "addr", "add", "198.18.77.1/24", "dev", "wbo0"]);
  await run(["ip", "link", "set", "wbo0", "up"]);
  await run(["ip", "-n", OUTSIDE, "addr", "add", "198.18.77.2/24", "dev", "eth0"]);
  await run(["ip", "-n", OUTSIDE, "link", "set", "eth0", "up"]);
}

async function gigabits({ cli }: Contender, seconds: number): Promise<number> {
  const published = await cli(["port", "bench-iperf", "5201/tcp"]);
  const port = published.split("\n")[0]?.split(":").at(-1) ?? "";
  // `ip netns exec` runs in a mount namespace of its own
  const enter = `mount --rbind /dev ${TRAFFIC.root}/dev && exec chroot ${TRAFFIC.root} "$@"`;
  const client = ["iperf3", "-J", "-t", String(seconds), "-c", "198.18.77.1", "-p", port];
  const text = await run(["ip", "netns", "exec", OUTSIDE, "sh", "-c", enter, "sh", ...client]);
  const report = JSON.parse(text) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return report.end.sum_received.bits_per_second / 1e9;
}

async function answeredNames({ cli }: Contender): Promise<number> {
  const pid = await cli(["inspect", "-f", "{{.State.Pid}}", "bench-web"]);
  const file = await cli(["exec", "bench-web", "cat", "/etc/resolv.conf"]);
  const server = /^nameserver (\S+)/m.exec(file)?.[1] ?? "";
  const load = ["bench/dns-load.ts", "rate", "bench-db", String(ASKED_PER_SECOND), "2000"];
  const enter = ["nsenter", "-t", pid, "-n", process.execPath, ...load];
  const figures = JSON.parse(await run(enter, { env: { DNS_SERVER: server } })) as {
    readonly perSecond: number;
    readonly sent: number;
    readonly lost: number;
  };
  return (figures.perSecond * (figures.sent - figures.lost)) / figures.sent;
}
