import { expect, test } from "bun:test";
import { startEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

/** A monitoring system scrapes the engine. */

test("metrics are served under Docker's names, as Prometheus reads them", async () => {
  await using engine = await startEngine({ flags: ["--metrics-addr", "127.0.0.1:0"] });
  const [, url = ""] = /API listen on (http:\S+\/metrics)/.exec(engine.daemonLog()) ?? [];
  const scrape = async (): Promise<Map<string, number>> => {
    const response = await fetch(url);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n").filter((line) => /^[a-z]/.test(line));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  };
  const before = await scrape();
  expect(before.get('engine_daemon_container_actions_seconds_count{action="start"}')).toBe(0);
  expect(before.get('builder_builds_failed_total{reason="build_canceled"}')).toBe(0);
  await engine.mustDocker(
    ...["run", "-d", "--name", "web", "--health-cmd", "false", "--health-interval", "100ms"],
    ...["busybox", "sleep", "1000"],
  );
  await engine.mustDocker("run", "--rm", "busybox", "true");
  await waitUntil("two checks are counted", async () => {
    const checks = (await scrape()).get("engine_daemon_health_checks_failed_total") ?? 0;
    return checks >= 2;
  });
  const after = await scrape();
  const value = (name: string): number => after.get(name) ?? NaN;
  expect(value('engine_daemon_container_actions_seconds_count{action="start"}')).toBe(2);
  expect(value('engine_daemon_container_actions_seconds_count{action="create"}')).toBe(2);
  expect(value('engine_daemon_container_actions_seconds_bucket{action="start",le="+Inf"}')).toBe(2);
  expect(value('engine_daemon_container_actions_seconds_sum{action="start"}')).toBeWithin(
    0.001,
    60,
  );
  expect(value('engine_daemon_network_actions_seconds_count{action="connect"}')).toBe(2);
  expect(value('engine_daemon_container_states_containers{state="running"}')).toBe(1);
  expect(value("engine_daemon_events_total")).toBeGreaterThan(8);
  expect(value("engine_daemon_health_check_start_duration_seconds_count")).toBeGreaterThan(1);
  expect(value("engine_daemon_engine_memory_bytes")).toBeGreaterThan(1e8);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
  expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(
    value(
      'wharf_api_request_duration_seconds_count{method="POST",path="/containers/create",status="201"}',
    ),
  ).toBe(2);
  const info = [...after].find(([name]) => name.startsWith("engine_daemon_engine_info{"));
  expect(info?.[0]).toContain(`daemon_id="${engine.engineId}"`);
  expect([...after.keys()].some((name) => name.startsWith("go_"))).toBe(false);
  const base = url.replace("/metrics", "/");
  expect((await fetch(base)).status).toBe(404);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
}, 60_000);

test("starts by a restart policy count as those of users do", async () => {
  await using engine = await startEngine({ flags: ["--metrics-addr", "127.0.0.1:0"] });
  const [, url = ""] = /API listen on (http:\S+\/metrics)/.exec(engine.daemonLog()) ?? [];
  await engine.mustDocker("run", "-d", "--restart", "on-failure:2", "busybox", "false");
  await waitUntil("the start and both of the policy are counted", async () => {
    const text = await (await fetch(url)).text();
    return text.includes('engine_daemon_container_actions_seconds_count{action="start"} 3\n');
  });
}, 60_000);
