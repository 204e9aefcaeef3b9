import { expect, test } from "bun:test";
import { Counter, Gauge, Histogram, MetricRegistry } from "./metrics.ts";

test("expose() writes what Prometheus reads", async () => {
  const registry = new MetricRegistry();
  const seconds = registry.add(new Histogram("seconds", "How long", [0.1, 1]));
  seconds.declare({ action: "start" });
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { action: "stop" });
  const count = registry.add(new Counter("events_total", "All\nof them"));
  count.add(2);
  count.add(1, { kind: 'a"b\\' });
  registry.add(new Gauge("info", "Facts", async () => [[{ os: "x" }, 1]]));
  registry.add(new Gauge("bytes", "Size", () => 1.5));
  expect(await registry.expose()).toBe(`# HELP bytes Size
# TYPE bytes gauge
bytes 1.5
# HELP events_total All\\nof them
# TYPE events_total counter
events_total 2
events_total{kind="a\\"b\\\\"} 1
# HELP info Facts
# TYPE info gauge
info{os="x"} 1
# HELP seconds How long
# TYPE seconds histogram
seconds_bucket{action="start",le="0.1"} 0
seconds_bucket{action="start",le="1"} 0
seconds_bucket{action="start",le="+Inf"} 0
seconds_sum{action="start"} 0
seconds_count{action="start"} 0
seconds_bucket{action="stop",le="0.1"} 2
seconds_bucket{action="stop",le="1"} 3
seconds_bucket{action="stop",le="+Inf"} 4
seconds_sum{action="stop"} 7.65
seconds_count{action="stop"} 4
`);
});
