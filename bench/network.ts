// `npm run bench:network`: networks beside docker in one run. See README.md.
import { parseArgs } from "node:util";
import { command } from "./engines.ts";
import { measureOperations } from "./network/operations.ts";
import { measureParts } from "./network/parts.ts";
import { measureRepair, measureRules } from "./network/rules.ts";
import { makeRoot, measureTraffic, withImage } from "./network/traffic.ts";
import { withWharf } from "./network/wharf-engine.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    /** Socket of a docker engine; without one only ours is measured. */
    peer: { type: "string" },
    only: { type: "string", default: "" },
    /** Of one that is there already: it runs itself so, in namespaces of its own. */
    inside: { type: "boolean", default: false },
  },
});
const RUNS = Number(options.runs);
const isWanted = (part: string): boolean => options.only === "" || options.only === part;

if (options.inside) {
  await measureRepair(RUNS);
  await measureRules(RUNS);
} else {
  if (isWanted("parts")) await measureParts(RUNS);
  if (isWanted("rules")) {
    const again = [process.execPath, import.meta.path, "--inside", "--runs", options.runs];
    const quiet = 'mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"';
    console.log(await command(["unshare", "--net", "--mount", "sh", "-c", quiet, "sh", ...again]));
  }
  if (isWanted("operations") || isWanted("traffic")) {
    await makeRoot();
    await withWharf(async (wharf) => {
      const { peer } = options;
      const client = [Bun.which("docker") ?? "docker", "-H", peer ?? ""];
      const docker = { name: "docker", client, socket: (peer ?? "").replace("unix://", "") };
      const contenders = peer === undefined ? [wharf] : [wharf, docker];
      await withImage(contenders, async () => {
        if (isWanted("operations")) await measureOperations(contenders, RUNS);
        if (isWanted("traffic")) await measureTraffic(contenders, RUNS, options.seconds);
      });
    });
  }
}
