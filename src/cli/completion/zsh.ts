import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "",
  description: `Generate the autocompletion script for zsh

To load it in the current shell:

  source <(wharf completion zsh)

To load it for every session, put it in a folder of $fpath:

  wharf completion zsh > "\${fpath[1]}/_wharf"`,
  args: noArguments,
  flags: {},
  async run(cli) {
    cli.output.write(script);
    return 0;
  },
});

const script = `#compdef wharf
# zsh completion for wharf
_wharf() {
  local directive entry value description
  local -a answer described
  answer=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  directive="\${answer[-1]}"
  answer[-1]=()
  for entry in "\${answer[@]}"; do
    value="\${entry%%$'\\t'*}"
    description=""
    [[ "$entry" == *$'\\t'* ]] && description="\${entry#*$'\\t'}"
    described+=("\${value//:/\\\\:}\${description:+:$description}")
  done
  if [[ "$directive" == ":0" ]]; then
    [[ "$PREFIX" == --*=* ]] && compset -P '*='
    _files
    return
  fi
  ((\${#described} > 0)) && _describe -t commands wharf described
}
if [[ "\${funcstack[1]}" == "_wharf" ]]; then
  _wharf
else
  compdef _wharf wharf
fi
`;
