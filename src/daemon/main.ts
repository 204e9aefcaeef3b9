import { readFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { WharfError, messageOf } from "#base/errors.ts";
import { buildId, wharfVersion } from "#base/version.ts";
import { type DaemonRequest, loadConfig, readDaemonRequest } from "./config/load-config.ts";
import { daemonHelp } from "./config/help.ts";
import { type Engine, openEngine, selfCommand } from "./engine.ts";
import { openLagMonitor } from "./event-loop-lag.ts";
import { Logger } from "./logger.ts";
import { openPidFile } from "./pid-file.ts";
import { checkPrerequisites } from "./preflight.ts";
import { ensureSmallHeap } from "./small-heap.ts";

const STDOUT = 1;
const STDERR = 2;
/** Signals to end that it takes to be believed without a clean end: dockerd's number. */
const FORCE_SIGNALS = 3;

/**
 * Runs `wharf daemon …` until it is told to end.
 *
 * @param argv What follows the command's name.
 * @returns Exit code: 0 after a clean end, 1 for anything that kept it from running.
 */
export async function runDaemon(argv: readonly string[]): Promise<number> {
  let request: DaemonRequest;
  try {
    request = readDaemonRequest(argv, homedir());
  } catch (error) {
    if (!(error instanceof WharfError)) throw error;
    writeSync(STDERR, `${error.message}\n`);
    return 1;
  }
  switch (request.kind) {
    case "help":
      writeSync(STDOUT, daemonHelp());
      return 0;
    case "version":
      writeSync(STDOUT, `Wharf version ${wharfVersion}, build ${buildId}\n`);
      return 0;
    case "validate":
      writeSync(STDERR, "configuration OK\n");
      return 0;
    case "run":
      ensureSmallHeap(process.env, [
        ...selfCommand(process.execPath, process.argv[1]),
        "daemon",
        ...argv,
      ]);
      return await serve(request);
  }
}

function isDaemonProcess(pid: number): boolean {
  try {
    return /wharf|daemon/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
  } catch {
    return false; // no such process
  }
}

async function serve(
  request: Extract<DaemonRequest, { kind: "run" | "validate" }>,
): Promise<number> {
  const { config } = request;
  const logger = new Logger({
    level: config.logLevel,
    format: config.logFormat,
    nowMs: () => Date.now(),
  });
  // Files that containers see (/etc/hosts) are to be read by all in them, and written by none but root.
  process.umask(0o022);
  const ended = Promise.withResolvers<string>();
  using _signals = watchSignals(ended.resolve);
  try {
    checkPrerequisites({
      userId: process.getuid?.() ?? 0,
      searchPath: process.env["PATH"],
      hasOwnRuntime: Object.keys(config.runtimes).length > 0,
    });
    using _pidFile = openPidFile(config.pidFile, process.pid, isDaemonProcess);
    await using engine = await openEngine(
      config,
      logger,
      selfCommand(process.execPath, process.argv[1]),
    );
    using _reload = watchReload(request, engine, logger);
    using _faults = watchFaults(logger);
    using _lag = config.logLevel === "debug" ? openLagMonitor(logger) : undefined;
    for (const address of engine.addresses) logger.info(`API listen on ${address}`);
    logger.info("Daemon has completed initialization", { id: engine.id, version: wharfVersion });
    const signal = await ended.promise;
    logger.info("Processing signal", { signal });
    await engine.stopContainers();
  } catch (error) {
    logger.error(`failed to start daemon: ${messageOf(error)}`);
    if (!(error instanceof WharfError) && error instanceof Error) logger.debug(String(error.stack));
    return 1;
  }
  logger.info("Daemon shutdown complete");
  return 0;
}

/** Calls `onEnd` with the first signal to end; the third ends the process on the spot. */
function watchSignals(onEnd: (signal: string) => void): Disposable {
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    count++;
    if (count >= FORCE_SIGNALS) process.exit(1);
    onEnd(signal);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    },
  };
}

/** SIGHUP reads the configuration file again; a broken one changes nothing. */
function watchReload(
  request: Extract<DaemonRequest, { kind: "run" | "validate" }>,
  engine: Engine,
  logger: Logger,
): Disposable {
  let current = request.config;
  const onHangUp = (): void => {
    try {
      const read = loadConfig(request.flags, homedir());
      // Only these may change while the engine runs: the rest waits for its next start.
      current = {
        ...current,
        logLevel: read.logLevel,
        labels: read.labels,
        isLiveRestore: read.isLiveRestore,
        shutdownTimeoutSeconds: read.shutdownTimeoutSeconds,
        registryMirrors: read.registryMirrors,
        insecureRegistries: read.insecureRegistries,
      };
      logger.setLevel(current.logLevel);
      engine.reload(current);
      logger.info("Reloaded configuration");
    } catch (error) {
      logger.error(`Cannot reload the configuration: ${messageOf(error)}`);
    }
  };
  process.on("SIGHUP", onHangUp);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", onHangUp) };
}

/** A fault that nobody caught is logged: the engine is crash-safe, so going on loses less than ending. */
function watchFaults(logger: Logger): Disposable {
  const onFault = (error: unknown): void => {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error("A fault that nothing caught", { error: detail });
  };
  process.on("uncaughtException", onFault);
  process.on("unhandledRejection", onFault);
  return {
    [Symbol.dispose]: () => {
      process.off("uncaughtException", onFault);
      process.off("unhandledRejection", onFault);
    },
  };
}
