import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "",
  description: `Generate the autocompletion script for bash

To load it in the current shell:

  source <(wharf completion bash)

To load it for every session:

  wharf completion bash > /etc/bash_completion.d/wharf`,
  args: noArguments,
  flags: {},
  async run(cli) {
    cli.output.write(script);
    return 0;
  },
});

// COMP_LINE rather than COMP_WORDS: bash splits those at colons and equals signs (image:tag), and
// wants candidates that begin after the last of them.
const script = `# bash completion for wharf
_wharf() {
  local line="\${COMP_LINE:0:COMP_POINT}" cur="" directive="" entry
  local -a words=() answer=()
  read -ra words <<<"$line"
  [[ "$line" =~ [[:space:]]$ ]] && words+=("")
  ((\${#words[@]} > 1)) || return
  cur="\${words[\${#words[@]}-1]}"
  mapfile -t answer < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  ((\${#answer[@]} > 0)) || return
  directive="\${answer[\${#answer[@]}-1]}"
  unset "answer[\${#answer[@]}-1]"
  local cut="\${cur%"\${cur##*[:=]}"}"
  for entry in "\${answer[@]}"; do
    entry="\${entry%%$'\\t'*}"
    COMPREPLY+=("\${entry#"$cut"}")
  done
  if [[ "$directive" == ":0" ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "\${cur##*=}")
  fi
}
complete -F _wharf wharf
`;
