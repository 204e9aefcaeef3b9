import { expect, test } from "bun:test";
import type { Project, Service } from "#compose/model/project.ts";
import { planPull } from "./plan-pull.ts";

function project(services: Readonly<Record<string, Service>>): Project {
  const none = new Map<string, never>();
  return {
    name: "p",
    workingDirectory: "/",
    files: [],
    environment: none,
    services: new Map(Object.entries(services)),
    disabledServices: none,
    networks: none,
    volumes: none,
    secrets: none,
    configs: none,
    models: none,
    extensions: none,
    locate: () => "",
  };
}

test("planPull() pulls each image once, and says why it leaves the others", () => {
  const images = new Map([["x:1", { id: "sha256:1", taggedAtMs: 0 }]]);
  const steps = planPull(
    project({
      one: { image: "x" },
      two: { image: "x" },
      built: { build: { context: "." } },
      both: { image: "y", build: { context: "." } },
      there: { image: "x:1", pull_policy: "missing" },
      never: { image: "z", pull_policy: "never" },
    }),
    { ignoresBuildable: true, policy: "", images },
  );
  expect(steps.map((step) => (step.action === "skip" ? step.why : step.image))).toEqual([
    "x",
    "Skipped - Image is already being pulled by one",
    "Skipped - No image to be pulled",
    "Skipped - Image can be built",
    "Skipped - Image is already present locally",
    "Skipped",
  ]);
});

test("planPull() pulls what is called latest even where it is there", () => {
  const images = new Map([["localhost:5000/x", { id: "sha256:1", taggedAtMs: 0 }]]);
  const [step] = planPull(project({ one: { image: "localhost:5000/x" } }), {
    ignoresBuildable: false,
    policy: "missing",
    images,
  });
  expect(step?.action).toBe("pull");
});
