import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { startEngine, type TestEngine } from "../harness/engine.ts";
import { buildBy, type Door, DOORS } from "./doors.ts";
import { argumentFlags, type Project, Workshop } from "./project.ts";

const IS_LONG: boolean = process.env["WHARF_TEST_LONG"] !== undefined;

/** What a project's tests need, and by which door it is built when there is time for one alone. */
interface ToldProject {
  readonly project: Project;
  readonly door: Door;
  /** Why it cannot be built here. */
  readonly lacks: string | undefined;
}

/**
 * A user takes projects of `examples/`, builds them, uses what comes of it, works on a source file and builds again. By one
 * client each, the others finding all of it done; in the long run by every client from the first step to the last.
 */
export function tellRealBuilds(told: readonly ToldProject[]): void {
  const isNeeded = told.some(({ lacks }) => lacks === undefined);
  let engine: TestEngine;
  let workshop: Workshop;

  beforeAll(async () => {
    if (!isNeeded) return;
    engine = await startEngine({ images: ["debian"] });
    workshop = new Workshop(engine);
    await workshop.open();
  }, 120_000);

  afterAll(async () => {
    if (isNeeded) await engine[Symbol.asyncDispose]();
  });

  for (const { project, door, lacks } of told) {
    if (lacks !== undefined) console.log(`SKIP the build of ${project.name}: ${lacks}`);
    describe.skipIf(lacks !== undefined)(project.name, () => {
      const first = DOORS.includes(door) ? door : "wharf";
      const doors = [first, ...DOORS.filter((other) => other !== first)];
      const ids: string[] = [];
      for (const [index, by] of doors.entries()) {
        const isWhole = index === 0 || IS_LONG;
        test(`is built by ${by}${isWhole ? ", runs and is used" : " from the cache, into the same image"}`, async () => {
          const folder = workshop.copyOf(project);
          const request = { folder, tag: project.name, flags: argumentFlags(project) };
          const secrets = workshop.secretsOf(project);
          // packages stay in their cache mounts
          if (index > 0 && IS_LONG)
            await engine.mustWharf("builder", "prune", "-af", "--filter", "type=regular");
          await buildBy(engine, by, { ...request, secrets });
          ids.push(await engine.mustDocker("inspect", "-f", "{{.Id}}", project.name));
          if (isWhole) await project.use(engine, project.name);
          else expect(ids[index]).toBe(ids[0] ?? "");
        }, 600_000);
      }

      test("does again only what a changed file leads to", async () => {
        const folder = workshop.copyOf(project);
        const done = await workshop.rebuildChanged(project, folder);
        expect(done.map(({ name }) => name)).toEqual([...project.change.doneAgain]);
        rmSync(folder, { recursive: true });
      }, 300_000);
    });
  }
}
