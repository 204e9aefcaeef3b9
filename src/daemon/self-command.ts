/** Command that starts this executable again: the compiled one, or Bun with the source. */
export function selfCommand(executable: string, script: string | undefined): readonly string[] {
  const isCompiled = script === undefined || script.startsWith("/$bunfs/");
  return isCompiled ? [executable] : [executable, script];
}
