import { test } from "bun:test";
import { hasDockerCli } from "../../harness/engine.ts";
import { imageStory } from "../../stories/images.ts";

if (hasDockerCli) imageStory("docker");
else
  test.skip("SKIP: the docker CLI is not installed; wharf-images.test.ts tells the same story", () =>
    undefined);
