import { test } from "bun:test";
import { hasDockerCli } from "../../harness/engine.ts";
import { lifeCycleStory } from "../../stories/life-cycle.ts";

if (hasDockerCli) lifeCycleStory("docker");
else
  test.skip("SKIP: the docker CLI is not installed; wharf-life-cycle.test.ts tells the same story", () =>
    undefined);
