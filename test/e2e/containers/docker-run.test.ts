import { test } from "bun:test";
import { hasDockerCli } from "../../harness/engine.ts";
import { runStory } from "../../stories/run.ts";

if (hasDockerCli) runStory("docker");
else
  test.skip("SKIP: the docker CLI is not installed; wharf-run.test.ts tells the same story", () =>
    undefined);
