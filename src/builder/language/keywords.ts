/** How the arguments of an instruction are read. */
export type ArgumentForm =
  /** The rest of the line as one argument. */
  | "text"
  /** A JSON array of strings, else the rest of the line. */
  | "json-or-text"
  /** A JSON array of strings, else words between blanks. */
  | "json-or-words"
  | "words"
  /** `name=value` or `name value`. */
  | "pairs"
  /** `name` or `name=value`. */
  | "names"
  /** `NONE`, or `CMD` and what `json-or-text` reads. */
  | "health"
  /** Another instruction. */
  | "instruction";

export type Keyword =
  | "ADD"
  | "ARG"
  | "CMD"
  | "COPY"
  | "ENTRYPOINT"
  | "ENV"
  | "EXPOSE"
  | "FROM"
  | "HEALTHCHECK"
  | "LABEL"
  | "MAINTAINER"
  | "ONBUILD"
  | "RUN"
  | "SHELL"
  | "STOPSIGNAL"
  | "USER"
  | "VOLUME"
  | "WORKDIR";

/** Every instruction. */
export const ARGUMENT_FORMS: Readonly<Record<Keyword, ArgumentForm>> = {
  ADD: "json-or-words",
  ARG: "names",
  CMD: "json-or-text",
  COPY: "json-or-words",
  ENTRYPOINT: "json-or-text",
  ENV: "pairs",
  EXPOSE: "words",
  FROM: "words",
  HEALTHCHECK: "health",
  LABEL: "pairs",
  MAINTAINER: "text",
  ONBUILD: "instruction",
  RUN: "json-or-text",
  SHELL: "json-or-text",
  STOPSIGNAL: "text",
  USER: "text",
  VOLUME: "json-or-words",
  WORKDIR: "text",
};

export const KEYWORDS: readonly Keyword[] = Object.keys(ARGUMENT_FORMS).filter(isKeyword);

export function isKeyword(word: string): word is Keyword {
  return Object.hasOwn(ARGUMENT_FORMS, word);
}
