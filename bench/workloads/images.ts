import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Contender } from "../suite/contender.ts";
import type { Bench, Family } from "../suite/workload.ts";
import { layersOfHost } from "../transfers/images.ts";
import { fewRuns, NO_SLOWER, oneCommand, removeContainers } from "./shared.ts";

const IMAGE = "bench-image:latest";
const COMMITTED = "bench-committed:latest";
const NAME = "bench-commit";
const MEGABYTE = 1_000_000;
const IMAGE_MEGABYTES = 200;

/** Images made from a container, into a file and back; files of this machine: they pack as real ones do. */
export function imagesFamily(bench: Bench): Family {
  const tar = join(bench.folder, "host-files.tar");
  const archive = ({ name }: Contender): string => join(bench.folder, `saved-${name}.tar`);
  const haveImage = async ({ cli }: Contender): Promise<void> => {
    if (!existsSync(tar)) {
      for (const layer of layersOfHost(1, IMAGE_MEGABYTES * MEGABYTE)) writeFileSync(tar, layer);
    }
    const known = await cli(["images", "-q", IMAGE]);
    if (known === "") await cli(["import", tar, IMAGE]);
  };
  const save = async (contender: Contender): Promise<void> => {
    rmSync(archive(contender), { force: true });
    await contender.cli(["save", "-o", archive(contender), IMAGE]);
  };
  const words = (verb: (contender: Contender) => readonly string[]) => ({
    run: async (contender: Contender) => await oneCommand("", verb(contender)).run(contender),
  });
  return {
    name: "images",
    workloads: [
      {
        ...oneCommand("commit 200 MB", ["commit", NAME, COMMITTED]),
        ...fewRuns(bench, 5),
        goals: NO_SLOWER,
        prepare: async (contender) => {
          await haveImage(contender);
          await contender.cli(["create", "--name", NAME, "busybox", "true"]);
          await contender.cli(["cp", tar, `${NAME}:/tmp/`]);
        },
        after: async ({ cli }) => await cli(["rmi", COMMITTED]),
        clean: async (contender) => await removeContainers(contender, NAME),
      },
      {
        name: "save 200 MB",
        unit: "ms",
        ...fewRuns(bench, 5),
        goals: NO_SLOWER,
        prepare: haveImage,
        before: async (contender) => rmSync(archive(contender), { force: true }),
        ...words((contender) => ["save", "-o", archive(contender), IMAGE]),
      },
      {
        name: "load 200 MB",
        unit: "ms",
        ...fewRuns(bench, 5),
        goals: NO_SLOWER,
        prepare: async (contender) => {
          await haveImage(contender);
          await save(contender);
        },
        before: async ({ cli }) => await cli(["rmi", IMAGE]),
        ...words((contender) => ["load", "-i", archive(contender)]),
      },
    ],
    clean: async (contender) => {
      await contender.cli(["rmi", IMAGE]);
      rmSync(archive(contender), { force: true });
    },
  };
}
