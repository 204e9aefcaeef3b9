import { expect, test } from "bun:test";
import { serviceHash } from "#compose/model/hash.ts";
import type { Service } from "#compose/model/project.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import { containerHash, firstOf } from "./container-hash.ts";

const idOf = (name: string): string => `id-of-${name}`;

/** What the file says, and what docker compose makes of it before it hashes. */
const cases: readonly (readonly [what: string, said: Service, hashed: Service])[] = [
  ["nothing shared", { image: "x" }, { image: "x" }],
  ["a mode that is no service's", { network_mode: "host" }, { network_mode: "host" }],
  ["a network", { network_mode: "service:db" }, { network_mode: "container:id-of-db" }],
  ["ipc", { ipc: "service:db" }, { ipc: "container:id-of-db" }],
  ["pid", { pid: "service:db" }, { pid: "container:id-of-db" }],
  ["volumes", { volumes_from: ["db", "web:ro"] }, { volumes_from: ["id-of-db", "id-of-web"] }],
  ["another's volumes", { volumes_from: ["container:one:ro"] }, { volumes_from: ["one"] }],
];

for (const [what, said, hashed] of cases) {
  test(`containerHash() names containers: ${what}`, () => {
    expect(containerHash(said, idOf)).toBe(serviceHash(hashed));
  });
}

test("firstOf() finds the first by name, never one of a run", () => {
  const container = (name: string, isOneOff = false): ObservedContainer => ({
    ...{ id: `id-${name}`, name, service: "web", number: 1, isOneOff, configHash: "" },
    ...{ imageId: "", state: "running", status: "", labels: {} },
    ...{ networks: new Map(), volumes: new Map(), ports: [] },
  });
  const find = firstOf([container("p-web-2"), container("p-web-1"), container("a", true)]);
  expect(find("web")).toBe("id-p-web-1");
  expect(find("db")).toBe("the one of db");
});
