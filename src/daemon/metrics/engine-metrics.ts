import type { ApiObserver } from "#api/server/dispatcher.ts";
import { Counter, DURATION_BUCKETS, Gauge, Histogram, MetricRegistry } from "#base/metrics.ts";
import type { ContainersOptions } from "#containers/parts.ts";
import type { Containers } from "#containers/containers.ts";
import type { Networks } from "#networks/networks.ts";

/** Facts that are read when the metrics are. */
export interface MetricSources {
  /** Labels of `engine_daemon_engine_info`. */
  readonly engine: Readonly<Record<string, string>>;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  containerCounts(): ReturnType<Containers["counts"]>;
  eventSubscribers(): number;
  imageCount(): number;
  volumeCount(): number;
}

/** Actions that dockerd measures. */
const CONTAINER_ACTIONS = ["changes", "commit", "create", "delete", "start"] as const;
const NETWORK_ACTIONS = ["allocate", "connect", "release"] as const;
/** Reasons of dockerd's `builder_builds_failed_total`. */
const BUILD_FAILURES = [
  "build_canceled",
  "build_target_not_reachable_error",
  "command_not_supported_error",
  "dockerfile_empty_error",
  "dockerfile_syntax_error",
  "error_processing_commands_error",
  "missing_onbuild_arguments_error",
  "unknown_instruction_error",
] as const;
const MS_PER_SECOND = 1000;
/** Bounds for answers of the API: most take a few milliseconds. */
const ANSWER_BUCKETS = [0.001, 0.0025, ...DURATION_BUCKETS];
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1];
const LAG_STEP_MS = 100;

/** What the engine counts and measures, under Docker's names where Docker has them. */
export class EngineMetrics {
  readonly registry: MetricRegistry = new MetricRegistry();
  readonly #containerActions: Histogram;
  readonly #networkActions: Histogram;
  readonly #events: Counter;
  readonly #probes: Counter;
  readonly #failedProbes: Counter;
  readonly #probeStarts: Histogram;
  readonly #answers: Histogram;
  readonly #lag: Histogram;

  constructor() {
    const { registry } = this;
    this.#containerActions = registry.add(
      new Histogram(
        "engine_daemon_container_actions_seconds",
        "The number of seconds it takes to process each container action",
      ),
    );
    for (const action of CONTAINER_ACTIONS) this.#containerActions.declare({ action });
    this.#networkActions = registry.add(
      new Histogram(
        "engine_daemon_network_actions_seconds",
        "The number of seconds it takes to process each network action",
      ),
    );
    for (const action of NETWORK_ACTIONS) this.#networkActions.declare({ action });
    const counter = (name: string, help: string): Counter => {
      const made = registry.add(new Counter(name, help));
      made.add(0);
      return made;
    };
    this.#events = counter("engine_daemon_events_total", "The number of events logged");
    this.#probes = counter(
      "engine_daemon_health_checks_total",
      "The total number of health checks",
    );
    this.#failedProbes = counter(
      "engine_daemon_health_checks_failed_total",
      "The total number of failed health checks",
    );
    this.#probeStarts = registry.add(
      new Histogram(
        "engine_daemon_health_check_start_duration_seconds",
        "The number of seconds it takes to prepare to run health checks",
      ),
    );
    this.#probeStarts.declare({});
    counter("builder_builds_triggered_total", "Number of triggered image builds");
    const failures = registry.add(
      new Counter("builder_builds_failed_total", "Number of failed image builds"),
    );
    for (const reason of BUILD_FAILURES) failures.add(0, { reason });
    this.#answers = registry.add(
      new Histogram(
        "wharf_api_request_duration_seconds",
        "Time until the API had answered, by endpoint; streams count until their first byte",
        ANSWER_BUCKETS,
      ),
    );
    this.#lag = registry.add(
      new Histogram(
        "wharf_event_loop_lag_seconds",
        "How late a timer of the engine fires",
        LAG_BUCKETS,
      ),
    );
  }

  readonly onEvent = (): void => this.#events.add();

  readonly onProbe: NonNullable<ContainersOptions["onProbe"]> = ({ exitCode, startSeconds }) => {
    this.#probes.add();
    if (exitCode !== 0) this.#failedProbes.add();
    this.#probeStarts.observe(startSeconds);
  };

  readonly onStarted: NonNullable<ContainersOptions["onStarted"]> = (seconds) => {
    this.#containerActions.observe(seconds, { action: "start" });
  };

  readonly onAnswer: ApiObserver = ({ method, path, status, seconds }) => {
    this.#answers.observe(seconds, { method, path, status: String(status) });
  };

  /** The same containers, with the time of what dockerd measures taken. */
  measureContainers<C extends Containers>(containers: C): C {
    const seconds = this.#containerActions;
    return {
      ...containers,
      create: (...request) => timed(seconds, "create", () => containers.create(...request)),
      changes: (...request) => timed(seconds, "changes", () => containers.changes(...request)),
      commit: (...request) => timed(seconds, "commit", () => containers.commit(...request)),
      remove: (...request) => timed(seconds, "delete", () => containers.remove(...request)),
    };
  }

  measureNetworks(networks: Networks): Networks {
    const seconds = this.#networkActions;
    const measured: Pick<Networks, "openSandbox" | "connectSandbox" | "closeSandbox"> = {
      openSandbox: (...request) =>
        timed(seconds, "allocate", () => networks.openSandbox(...request)),
      connectSandbox: (...request) =>
        timed(seconds, "connect", () => networks.connectSandbox(...request)),
      closeSandbox: (...request) =>
        timed(seconds, "release", () => networks.closeSandbox(...request)),
    };
    return new Proxy(networks, {
      get: (target, name) => {
        const own: unknown = Reflect.get(measured, name);
        if (own !== undefined) return own;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** What is read, not counted. Once, when everything is open. */
  addSources(sources: MetricSources): void {
    const gauge = (
      name: string,
      help: string,
      read: ConstructorParameters<typeof Gauge>[2],
    ): void => void this.registry.add(new Gauge(name, help, read));
    gauge(
      "engine_daemon_container_states_containers",
      "The count of containers in various states",
      () => {
        const { running, paused, stopped } = sources.containerCounts();
        return [
          [{ state: "paused" }, paused],
          [{ state: "running" }, running],
          [{ state: "stopped" }, stopped],
        ];
      },
    );
    gauge(
      "engine_daemon_engine_info",
      "The information related to the engine and the OS it is running on",
      () => [[sources.engine, 1]],
    );
    gauge(
      "engine_daemon_engine_cpus_cpus",
      "The number of cpus that the host system of the engine has",
      () => sources.cpuCount,
    );
    gauge(
      "engine_daemon_engine_memory_bytes",
      "The number of bytes of memory that the host system of the engine has",
      () => sources.memoryBytes,
    );
    gauge(
      "engine_daemon_events_subscribers_total",
      "The number of current subscribers to events",
      () => sources.eventSubscribers(),
    );
    gauge("wharf_images", "The number of images", () => sources.imageCount());
    gauge("wharf_volumes", "The number of volumes", () => sources.volumeCount());
  }

  /** Watches the event loop until disposed. */
  watchLag(): Disposable {
    let dueMs = performance.now() + LAG_STEP_MS;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lag.observe(Math.max(0, nowMs - dueMs) / MS_PER_SECOND);
      dueMs = nowMs + LAG_STEP_MS;
    }, LAG_STEP_MS);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
}

/** Only what succeeds is measured, as in dockerd. */
async function timed<T>(histogram: Histogram, action: string, work: () => Promise<T>): Promise<T> {
  const beginMs = performance.now();
  const result = await work();
  histogram.observe((performance.now() - beginMs) / MS_PER_SECOND, { action });
  return result;
}
