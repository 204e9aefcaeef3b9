import { readFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { WharfError, messageOf } from "#base/errors.ts";
import { buildId, wharfVersion } from "#base/version.ts";
import { sendDatagram } from "#host/linux/sockets/datagram.ts";
import { setKeptAcrossExec } from "#host/linux/processes/replace-process.ts";
import { type DaemonRequest, loadConfig, readDaemonRequest } from "./config/load-config.ts";
import { daemonHelp } from "./config/help.ts";
import { type Engine, openEngine } from "./engine.ts";
import { sameCommand, selfCommand } from "./self-command.ts";
import { openLagMonitor } from "./event-loop-lag.ts";
import { Logger } from "./logger.ts";
import { openPidFile } from "./pid-file.ts";
import { checkPrerequisites } from "./preflight.ts";
import { mergeReloaded, waitingForRestart } from "./service/reload.ts";
import {
  inheritedDescriptors,
  readServiceEnvironment,
  ServiceManager,
  takeServiceEnvironment,
} from "./service/service-manager.ts";
import { watchDumpSignal, watchEndSignals, watchReloadSignal } from "./service/signals.ts";
import { ensureSmallHeap } from "./small-heap.ts";

const STDOUT = 1;
const STDERR = 2;
const DEFAULT_COLUMNS = 80;

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
      writeSync(STDOUT, daemonHelp(process.stdout.columns ?? DEFAULT_COLUMNS));
      return 0;
    case "version":
      writeSync(STDOUT, `Wharf version ${wharfVersion}, build ${buildId}\n`);
      return 0;
    case "validate":
      writeSync(STDERR, "configuration OK\n");
      return 0;
    case "run":
      ensureSmallHeap(
        process.env,
        [...selfCommand(process.execPath, process.argv[1]), "daemon", ...argv],
        inheritedDescriptors(readServiceEnvironment(process.env, process.pid)),
      );
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

type ServeRequest = Extract<DaemonRequest, { kind: "run" | "validate" }>;

async function serve(request: ServeRequest): Promise<number> {
  const { config } = request;
  const environment = takeServiceEnvironment(process.env, process.pid);
  setKeptAcrossExec(inheritedDescriptors(environment), false); // not for children
  const logger = new Logger({
    level: config.logLevel,
    format: config.logFormat,
    nowMs: () => Date.now(),
  });
  // Files that containers see (/etc/hosts) are to be read by all in them, and written by none but root.
  process.umask(0o022);
  const ended = Promise.withResolvers<string>();
  using _signals = watchEndSignals(ended.resolve, logger);
  using service = new ServiceManager({
    environment,
    send: sendDatagram,
    monotonicMicroseconds: () => Number(process.hrtime.bigint() / 1000n),
    warn: (message) => logger.warn(message),
  });
  try {
    checkPrerequisites({
      userId: process.getuid?.() ?? 0,
      searchPath: process.env["PATH"],
      hasOwnRuntime: Object.keys(config.runtimes).length > 0,
    });
    using _pidFile = openPidFile(config.pidFile, process.pid, isDaemonProcess);
    await using engine = await openEngine(config, logger, {
      selfArgv: sameCommand(process.argv[1]),
      inheritedNames: environment.listenNames,
    });
    using _reload = watchReload(request, { engine, service, logger });
    using _dump = watchDumpSignal(() => {
      logger.info("State of the engine written", { path: engine.writeState() });
    });
    using _faults = watchFaults(logger);
    using _lag = config.logLevel === "debug" ? openLagMonitor(logger) : undefined;
    for (const address of engine.addresses) logger.info(`API listen on ${address}`);
    logger.info("Daemon has completed initialization", { id: engine.id, version: wharfVersion });
    service.ready("Running");
    const signal = await ended.promise;
    logger.info("Processing signal", { signal });
    service.stopping("Stopping");
    await engine.stopContainers();
  } catch (error) {
    logger.error(`failed to start daemon: ${messageOf(error)}`);
    if (!(error instanceof WharfError) && error instanceof Error) logger.debug(String(error.stack));
    return 1;
  }
  logger.info("Daemon shutdown complete");
  return 0;
}

/** SIGHUP reads the configuration file again; a broken one changes nothing. */
function watchReload(
  request: ServeRequest,
  parts: { readonly engine: Engine; readonly service: ServiceManager; readonly logger: Logger },
): Disposable {
  const { engine, service, logger } = parts;
  let reloads = Promise.resolve();
  let current = request.config;
  const reload = async (): Promise<void> => {
    logger.info("Got signal to reload configuration, reloading from file");
    service.reloading();
    try {
      const read = loadConfig(request.flags, homedir());
      const merged = mergeReloaded(current, read);
      await engine.reload(merged);
      logger.setLevel(merged.logLevel);
      const waiting = waitingForRestart(current, read);
      if (waiting.length > 0) {
        logger.warn(`Settings that wait for the next start: ${waiting.join(", ")}`);
      }
      current = merged;
      logger.info("Reloaded configuration");
    } catch (error) {
      logger.error(`Error reconfiguring the daemon: ${messageOf(error)}`);
    }
    service.ready("Running");
  };
  return watchReloadSignal(() => {
    reloads = reloads.then(reload); // one after the other
  });
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
