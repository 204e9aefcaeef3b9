import type { Contender } from "../suite/contender.ts";
import type { Bench, Family } from "../suite/workload.ts";
import { oneCommand, removeContainers, SLEEP } from "./shared.ts";

const NETWORK = "bench-net";
const NAME = "bench-joiner";

/** Networks of one's own: made, joined, left, removed. */
export function networksFamily(_bench: Bench): Family {
  const create = ["network", "create", NETWORK];
  const remove = ["network", "rm", NETWORK];
  const connect = ["network", "connect", NETWORK, NAME];
  const disconnect = ["network", "disconnect", NETWORK, NAME];
  const joinable = {
    prepare: async ({ cli, name }: Contender) => {
      await cli(create);
      // podman joins networks only with containers that are on a bridge
      const on = name === "podman" ? ["--network", "bridge"] : [];
      await cli(["run", "-d", "--name", NAME, ...on, ...SLEEP]);
    },
    clean: async (contender: Contender) => {
      await removeContainers(contender, NAME);
      await contender.cli(remove);
    },
  };
  return {
    name: "networks",
    workloads: [
      {
        ...oneCommand("network create", create),
        after: async ({ cli }) => await cli(remove),
      },
      {
        ...oneCommand("network rm", remove),
        before: async ({ cli }) => await cli(create),
      },
      {
        ...oneCommand("network connect", connect),
        ...joinable,
        after: async ({ cli }) => await cli(disconnect),
      },
      {
        ...oneCommand("network disconnect", disconnect),
        ...joinable,
        before: async ({ cli }) => await cli(connect),
      },
      oneCommand("run --rm --network none", [
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "true",
      ]),
      {
        ...oneCommand("run --rm on a network", [
          ...["run", "--rm", "--network", NETWORK, "busybox", "true"],
        ]),
        prepare: async ({ cli }) => await cli(create),
        clean: async ({ cli }) => await cli(remove),
      },
    ],
  };
}
