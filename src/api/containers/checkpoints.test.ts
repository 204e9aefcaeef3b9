import { expect, test } from "bun:test";
import { containerDetails, RUNNING } from "#api/testing/container-fixtures.ts";
import { FakeContainers } from "#api/testing/fake-containers.ts";
import { request, serve } from "#api/testing/serve.ts";
import { DOCKER_DEFAULTS } from "#spec/engine-api/host-config.ts";
import { containerRoutes } from "./routes.ts";

function serving(containers: FakeContainers, isExperimental: boolean) {
  return serve(
    containerRoutes({
      containers,
      isExperimental,
      defaults: () => DOCKER_DEFAULTS,
      bridgeName: "b0",
      nowMs: () => 0,
    }),
  );
}

test("checkpoints are made by 201, listed by name, and none is null as in docker", async () => {
  const containers = new FakeContainers(containerDetails({}, RUNNING));
  await using server = await serving(containers, true);
  const body = JSON.stringify({ CheckpointID: "one", CheckpointDir: "/c", Exit: true });
  const made = await request(server.path, "POST", "/containers/web/checkpoints", {
    body,
    headers: { "Content-Type": "application/json" },
  });
  expect([made.status, containers.calls]).toEqual([
    201,
    ['createCheckpoint "web" {"name":"one","directory":"/c","exit":true}'],
  ]);
  const list = await request(server.path, "GET", "/containers/web/checkpoints");
  expect(JSON.parse(list.body)).toEqual([{ Name: "one" }, { Name: "two" }]);
  const none = await request(server.path, "GET", "/containers/web/checkpoints?dir=/none");
  expect(JSON.parse(none.body)).toBeNull();
});

test.each([
  ["GET", "/containers/web/checkpoints", 501],
  ["POST", "/containers/web/checkpoints", 501],
  ["DELETE", "/containers/web/checkpoints/one", 501],
  ["POST", "/containers/web/start?checkpoint=one", 400],
])("%s %s is refused by a daemon that is not experimental", async (method, path, status) => {
  const containers = new FakeContainers(containerDetails({}, RUNNING));
  await using server = await serving(containers, false);
  const got = await request(server.path, method, path);
  expect([got.status, containers.calls]).toEqual([status, []]);
  expect(got.body).toMatch(
    status === 501
      ? /This experimental feature is disabled by default\. Start the Docker daemon/
      : /checkpoint is only supported in experimental mode/,
  );
});
