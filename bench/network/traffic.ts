import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { command } from "../engines.ts";
import { type Contender, SideBySide } from "./common.ts";

export const NETWORK_CACHE = "/var/tmp/wharf-bench-net";

/** Gigabits a second that iperf3 received in one run. */
async function throughput(argv: readonly string[]): Promise<number> {
  const report = JSON.parse(await command(argv)) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return report.end.sum_received.bits_per_second / 1e9;
}

/** What clients do, through both engines in turn. */
export async function measureTraffic(
  contenders: readonly Contender[],
  runs: number,
  seconds: string,
): Promise<void> {
  const outside = "wbenchout";
  await command(["ip", "netns", "add", outside]);
  const ip = (...words: readonly string[]) => command(["ip", ...words]);
  await ip("link", "add", "wbo0", "type", "veth", "peer", "name", "eth0", "netns", outside);
  await ip("addr", "add", "198.18.77.1/24", "dev", "wbo0");
  await ip("link", "set", "wbo0", "up");
  await ip("-n", outside, "addr", "add", "198.18.77.2/24", "dev", "eth0");
  await ip("-n", outside, "link", "set", "eth0", "up");
  const root = join(NETWORK_CACHE, "root");
  // `ip netns exec` runs in a mount namespace of its own
  const enter = `mount --rbind /dev ${root}/dev && exec chroot ${root} "$@"`;
  const inRoot = ["ip", "netns", "exec", outside, "sh", "-c", enter, "sh"];
  const iperf = ["/usr/bin/iperf3", "-J", "-t", seconds];
  const figures = new SideBySide();
  try {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-server"], { mayFail: true });
      await command([
        ...client,
        ...["run", "-d", "--name", "bench-server", "-p", "5201", "-p", "80", "bench-network"],
        ...["sh", "-c", "iperf3 -s -D; exec nginx -g 'daemon off;'"],
      ]);
    }
    await Bun.sleep(1000);
    for (let run = 0; run < runs; run += 1) {
      for (const { name, client } of run % 2 === 0 ? contenders : contenders.toReversed()) {
        const portOf = async (port: string) =>
          (await command([...client, "port", "bench-server", port]))
            .split("\n")[0]
            ?.split(":")
            .at(-1) ?? "";
        const published = await portOf("5201/tcp");
        const address = await command([
          ...client,
          ...[
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            "bench-server",
          ],
        ]);
        const fromOutside = ["-c", "198.18.77.1", "-p", published];
        figures.note(
          "Gbit/s by a published port",
          name,
          await throughput([...inRoot, ...iperf, ...fromOutside]),
        );
        const between = [...client, "run", "--rm", "bench-network", ...iperf, "-c", address];
        figures.note("Gbit/s container to container", name, await throughput(between));
        const http = `http://198.18.77.1:${await portOf("80/tcp")}/`;
        const report = await command([
          ...[...inRoot, "wrk", "-t1", "-c16", `-d${seconds}s`, "-H", "Connection: close", http],
        ]);
        figures.note(
          "connections/s by a published port",
          name,
          Number(/Requests\/sec:\s+([\d.]+)/.exec(report)?.[1]),
        );
      }
    }
    figures.show(contenders);
  } finally {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-server"], { mayFail: true });
    }
    await command(["ip", "link", "del", "wbo0"], { mayFail: true });
    await command(["ip", "netns", "del", outside], { mayFail: true });
  }
}

export async function makeRoot(): Promise<void> {
  const tar = join(NETWORK_CACHE, "network.tar");
  mkdirSync(join(NETWORK_CACHE, "root"), { recursive: true });
  const make = `. scripts/lib/common.sh; make_debian_tar ${tar} iperf3 wrk nginx-light`;
  await command(["bash", "-c", make]);
  await command(["tar", "-C", join(NETWORK_CACHE, "root"), "-xf", tar, "--exclude=./dev/*"]);
  mkdirSync(join(NETWORK_CACHE, "root/dev"), { recursive: true });
}

/** Has the image `bench-network` in both engines while `work` runs. */
export async function withImage(
  contenders: readonly Contender[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    for (const { client } of contenders) {
      await command([...client, "import", join(NETWORK_CACHE, "network.tar"), "bench-network"]);
    }
    await work();
  } finally {
    for (const { client } of contenders) {
      await command([...client, "rmi", "-f", "bench-network"], { mayFail: true });
    }
  }
}
