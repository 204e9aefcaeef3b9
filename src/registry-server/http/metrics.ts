import { Counter, Gauge, Histogram, MetricRegistry } from "#base/metrics.ts";
import { readStatistics, type Statistics } from "#registry-server/metadata/usage.ts";
import type { SqlDatabase } from "#store/sql/database.ts";

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** Methods that are told apart; a client may send any word. */
const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

const GAUGES: readonly (readonly [keyof Statistics, string, string])[] = [
  ["repositories", "wharf_registry_repositories", "Repositories"],
  ["manifests", "wharf_registry_manifests", "Manifests in repositories"],
  ["tags", "wharf_registry_tags", "Tags"],
  ["blobs", "wharf_registry_blobs", "Blobs, each counted once"],
  ["blobBytes", "wharf_registry_blob_bytes", "Bytes of blobs, each counted once"],
  ["linkedBytes", "wharf_registry_linked_bytes", "Bytes of blobs, counted in each repository"],
  ["uploads", "wharf_registry_uploads", "Uploads under way"],
];

/** What Prometheus is shown at `/metrics`. */
export class HttpMetrics {
  readonly #registry = new MetricRegistry();
  readonly #requests: Counter;
  readonly #seconds: Histogram;

  constructor(database: SqlDatabase) {
    const registry = this.#registry;
    this.#requests = registry.add(
      new Counter("wharf_registry_requests_total", "Requests that were answered"),
    );
    this.#seconds = registry.add(
      new Histogram("wharf_registry_request_seconds", "Time until an answer's head was ready"),
    );
    for (const [key, name, help] of GAUGES) {
      registry.add(new Gauge(name, help, async () => (await readStatistics(database))[key]));
    }
    registry.add(
      new Gauge(
        "wharf_registry_resident_bytes",
        "Memory of the process",
        () => process.memoryUsage.rss(), // reads one file of the kernel's
      ),
    );
  }

  observe(group: string, method: string, status: number, seconds: number): void {
    const known = METHODS.includes(method) ? method : "other";
    this.#requests.add(1, { route: group, method: known, status: String(status) });
    this.#seconds.observe(seconds, { route: group });
  }

  async answer(): Promise<Response> {
    const text = await this.#registry.expose();
    return new Response(text, { headers: { "Content-Type": METRICS_TYPE } });
  }
}
