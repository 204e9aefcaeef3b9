/** Command that starts this executable again: the compiled one, or Bun with the source. */
export function selfCommand(executable: string, script: string | undefined): readonly string[] {
  const isCompiled = script === undefined || script.startsWith("/$bunfs/");
  return isCompiled ? [executable] : [executable, script];
}

/**
 * As `selfCommand`, and the very executable that runs, though an upgrade has put another under its name: the
 * two sides of a worker's protocol are of one build.
 */
export function sameCommand(script: string | undefined): readonly string[] {
  return selfCommand("/proc/self/exe", script);
}
