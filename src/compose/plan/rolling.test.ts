import { expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { loadProject } from "#compose/load-project.ts";
import type { Project } from "#compose/model/project.ts";
import type { UpPlan } from "./plan-up.ts";
import { planRolling, rollingPolicy } from "./rolling.ts";

function load(text: string): Project {
  return loadProject({
    files: [{ path: "compose.yaml", content: text }],
    workingDirectory: "/p",
    environment: new Map(),
    projectName: "p",
    profiles: [],
    warn: () => {},
  });
}

/** All containers of a project as to be made anew. */
function renewing(project: Project, state = "running"): UpPlan {
  const containers = [...project.services.keys()].map((service) => ({
    ...{ service, name: `p-${service}-1`, number: 1, action: "recreate", why: "", changes: [] },
    current: {
      ...{ id: service, name: `p-${service}-1`, service, number: 1, isOneOff: false },
      ...{ configHash: "", imageId: "", state, status: "", labels: {} },
      networks: new Map(),
      volumes: new Map(),
      ports: [],
    },
  })) as UpPlan["containers"];
  return { networks: [], volumes: [], containers, orphans: [], missing: [] };
}

test("rollingPolicy() is update_config's, one at a time with rollback unless said", () => {
  const of = (text: string) =>
    rollingPolicy(load(`services:\n  a: {image: x${text}}\n`).services.get("a") ?? {});
  expect(of("")).toEqual({
    parallelism: 1,
    delayMs: 0,
    monitorMs: 0,
    order: "start-first",
    failureAction: "rollback",
    maxFailureRatio: 0,
  });
  const config =
    "parallelism: 0, delay: 2s, monitor: 1m, order: stop-first, failure_action: pause, max_failure_ratio: 0.5";
  expect(of(`, deploy: {update_config: {${config}}}`)).toEqual({
    parallelism: Number.MAX_SAFE_INTEGER,
    delayMs: 2000,
    monitorMs: 60_000,
    order: "stop-first",
    failureAction: "pause",
    maxFailureRatio: 0.5,
  });
});

test("planRolling() rolls what runs, and leaves the rest of the plan", () => {
  const project = load(
    "services:\n  a: {image: x}\n  b: {image: x}\n  c: {image: x, network_mode: 'service:b'}\n",
  );
  const { rolled, rest, atOnce } = planRolling(project, renewing(project), { handsOver: true });
  expect([...rolled.keys()]).toEqual(["a", "c"]);
  expect(rest.containers.map(({ service, action }) => `${action} ${service}`)).toEqual([
    "keep a",
    "recreate b",
    "keep c",
  ]);
  expect([...atOnce]).toEqual([["b", "c shares something with its container"]]);
  const stopped = planRolling(project, renewing(project, "exited"), { handsOver: true });
  expect(stopped.rolled.size).toBe(0);
});

/** What two containers cannot have at once, and where that does not matter. */
const TWINS: readonly (readonly [service: string, handsOver: boolean, said: string])[] = [
  ["ports: ['80:80']", true, ""],
  ["ports: ['80:80']", false, "services.a.ports[0]: this engine cannot hand port 80 over"],
  ["ports: ['80']", false, ""],
  ["ports: ['8000-8009:80']", false, ""],
  ["ports: ['80:80'], deploy: {update_config: {order: stop-first}}", false, ""],
  [
    "networks: {default: {ipv4_address: 10.0.0.5}}",
    true,
    "services.a.networks.default.ipv4_address: the new container cannot have it beside the old one",
  ],
  ["mac_address: '02:00:00:00:00:01'", true, "services.a.mac_address: the new container cannot"],
];

for (const [service, handsOver, said] of TWINS) {
  test(`planRolling() with ${service}, ${handsOver ? "a port passes over" : "no port does"}`, () => {
    const project = load(`services:\n  a: {image: x, ${service}}\n`);
    let message = "";
    try {
      planRolling(project, renewing(project), { handsOver });
    } catch (error) {
      message = messageOf(error);
    }
    if (said === "") expect(message).toBe("");
    else expect(message).toStartWith(said);
  });
}
