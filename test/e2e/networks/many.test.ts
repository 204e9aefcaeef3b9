// Many containers on many networks by eight clients at once: each finds its neighbours by name and nobody else, all go
// again, and nothing is left.
import { expect, test } from "bun:test";
import { startEngine } from "../../harness/engine.ts";

const CONTAINERS = process.env["WHARF_TEST_LONG"] ? 200 : 16;
const NETWORKS = process.env["WHARF_TEST_LONG"] ? 20 : 4;
const CLIENTS = 8;

/** Calls `work` once for each number below `count`, from as many clients at once as the test has. */
async function byClients(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

test(
  `${CONTAINERS} containers on ${NETWORKS} networks by ${CLIENTS} clients`,
  async () => {
    await using engine = await startEngine();
    const docker = (...args: string[]) => engine.mustDocker(...args);
    const networkOf = (index: number): string => `net${index % NETWORKS}`;
    const all = Array.from({ length: CONTAINERS }, (_, index) => index);

    await byClients(NETWORKS, async (index) => {
      await docker("network", "create", `net${index}`);
    });
    await byClients(CONTAINERS, async (index) => {
      await docker(
        ...["run", "-d", "--name", `c${index}`, "--network", networkOf(index)],
        ...["--network-alias", `alias${index}`, "busybox", "sleep", "100000"],
      );
    });
    await byClients(CONTAINERS, async (index) => {
      const neighbours = all.filter((other) => networkOf(other) === networkOf(index));
      const names = neighbours.flatMap((other) => [`c${other}`, `alias${other}`]).join(" ");
      const stranger = `c${(index + 1) % CONTAINERS}`;
      // All are looked up and one is reached: the kernel remembers no more than 1,024 neighbours of all namespaces.
      const nearest = neighbours[(neighbours.indexOf(index) + 1) % neighbours.length] ?? index;
      const found = await docker(
        ...["exec", `c${index}`, "sh", "-c"],
        `for n in ${names}; do nslookup $n >/dev/null 2>&1 && echo $n; done; nslookup ${stranger} >/dev/null 2>&1 && echo stranger; ping -4 -c1 -W10 c${nearest} >/dev/null || echo unreachable`,
      );
      expect(found.split("\n").toSorted()).toEqual(names.split(" ").toSorted());
    });
    for (const network of [0, NETWORKS - 1]) {
      const json = await docker(
        "network",
        "inspect",
        "-f",
        "{{json .Containers}}",
        `net${network}`,
      );
      const members = Object.values(JSON.parse(json) as Record<string, { IPv4Address: string }>);
      const addresses = new Set(members.map(({ IPv4Address }) => IPv4Address));
      expect(addresses.size).toBe(CONTAINERS / NETWORKS);
    }
    await byClients(CONTAINERS, async (index) => {
      await docker("rm", "-f", `c${index}`);
    });
    await byClients(NETWORKS, async (index) => {
      await docker("network", "rm", `net${index}`);
    });
    expect(await docker("network", "ls", "-q", "-f", "type=custom")).toBe("");
    expect(await docker("ps", "-aq")).toBe("");
  },
  process.env["WHARF_TEST_LONG"] ? 1_200_000 : 120_000,
);
