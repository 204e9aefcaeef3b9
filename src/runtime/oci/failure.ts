import {
  CommandNotFoundError,
  CommandNotInvocableError,
  RuntimeRefusedError,
} from "#runtime/errors.ts";

export interface RuntimeFailure {
  readonly operation: "create" | "exec";
  /** As the user named it: `crun`, `runc`, `runsc`. */
  readonly runtimeName: string;
  /** First of the process's arguments. */
  readonly command: string;
  /** What the runtime or conmon wrote on stderr. */
  readonly stderr: string;
}

/**
 * Turns a runtime's complaint into Docker's error: clients and scripts look for runc's words (`executable
 * file not found in $PATH`), so crun's are translated.
 */
export function toFailure(
  failure: RuntimeFailure,
): CommandNotFoundError | CommandNotInvocableError | RuntimeRefusedError {
  const reason = translate(lastError(failure.stderr), failure.command);
  const text = `${prefix(failure, reason)}${reason}${hint(reason)}`;
  // The words by which docker picks the exit code too (moby daemon/errors.go).
  if (/executable file not found|no such file or directory/i.test(text)) {
    return new CommandNotFoundError(text);
  }
  if (/permission denied|is a directory/i.test(text)) return new CommandNotInvocableError(text);
  return new RuntimeRefusedError(text);
}

/** The message of the last error that runc or crun logged as JSON; other text as it is. */
export function lastError(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const messages = lines.map(messageOfLine).filter((message) => message !== undefined);
  return (messages.at(-1) ?? lines.join(" ")).trim() || "it ended without saying why";
}

function messageOfLine(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("msg" in entry)) return undefined;
    return typeof entry.msg === "string" ? entry.msg : undefined;
  } catch {
    return undefined; // cut off by conmon's buffer, or not the runtime's
  }
}

function translate(reason: string, command: string): string {
  if (/^executable file `.*` not found in \$PATH/.test(reason)) {
    return command.includes("/")
      ? `exec: ${JSON.stringify(command)}: stat ${command}: no such file or directory`
      : `exec: ${JSON.stringify(command)}: executable file not found in $PATH`;
  }
  if (reason === "open executable: Permission denied") {
    return `exec: ${JSON.stringify(command)}: permission denied`;
  }
  // crun 1.8 asks for an executable regular file and says EPERM for a folder.
  if (reason === "open executable: Operation not permitted") {
    // without a name it looks at the working directory
    if (command === "") return 'exec: "": executable file not found in $PATH';
    return `exec: ${JSON.stringify(command)}: is a directory: permission denied`;
  }
  const folder = /^chdir `(.*)`: (.*)$/.exec(reason);
  if (folder) {
    const [, path = "", why = ""] = folder;
    return `chdir to cwd (${JSON.stringify(path)}) set in config.json failed: ${why.toLowerCase()}`;
  }
  return reason.replace(/^runc (create|exec) failed: |^exec failed: /, "");
}

function prefix(failure: RuntimeFailure, reason: string): string {
  const start = "unable to start container process: ";
  const added = reason.startsWith(start) ? "" : start;
  if (failure.operation === "exec") return `OCI runtime exec failed: exec failed: ${added}`;
  const init = reason.startsWith("exec: ") ? "error during container init: " : "";
  return (
    "failed to create task for container: failed to create shim task: " +
    `OCI runtime create failed: ${failure.runtimeName} create failed: ${added}${init}`
  );
}

function hint(reason: string): string {
  if (/mount.*not a directory/i.test(reason)) {
    return ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";
  }
  if (/oom_score_adj.*permission denied/i.test(reason)) {
    return ": an engine without CAP_SYS_RESOURCE cannot give a lower --oom-score-adj than its own";
  }
  return "";
}
