import { expect } from "bun:test";
import type { Project } from "../project.ts";

export const c: Project = {
  name: "c",
  change: {
    path: "src/main.c",
    from: "usage: primes COUNT",
    to: "how to use it: primes COUNT",
    doneAgain: [
      "[build 5/6] COPY src/ src/",
      '[build 6/6] RUN --mount=type=cache,target=/src/build,sharing=locked     make CFLAGS="${CFLAGS}" &&     make check &&     make install DESTDIR=/out',
      "[stage-1 2/2] COPY --from=build --chmod=555 /out/usr/local/bin/primes /primes",
    ],
  },
  use: async (engine, image) => {
    expect(await engine.mustDocker("run", "--rm", image, "5")).toBe("2\n3\n5\n7\n11");
    expect((await engine.mustDocker("run", "--rm", image)).split("\n").at(-1)).toBe("29");
    const wrong = await engine.docker(["run", "--rm", image, "many"]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining("primes COUNT")]);
    // nothing of the stage that compiled it
    const layers = "{{len .RootFS.Layers}} {{.Config.User}} {{lt .Size 2000000}}";
    expect(await engine.mustDocker("inspect", "-f", layers, image)).toBe("1 65534:65534 true");
  },
};
