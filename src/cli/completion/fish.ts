import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "",
  description: `Generate the autocompletion script for fish

To load it in the current shell:

  wharf completion fish | source

To load it for every session:

  wharf completion fish > ~/.config/fish/completions/wharf.fish`,
  args: noArguments,
  flags: {},
  async run(cli) {
    cli.output.write(script);
    return 0;
  },
});

const script = `# fish completion for wharf
function __wharf_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if test (count $answer) -eq 0
        return
    end
    if test "$answer[-1]" = ":0"
        __fish_complete_path (string replace -r '^--[^=]*=' '' -- $current)
        return
    end
    set -e answer[-1]
    printf '%s\\n' $answer
end
complete -c wharf -e
complete -c wharf -f -a '(__wharf_complete)'
`;
