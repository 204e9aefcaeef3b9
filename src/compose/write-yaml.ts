import { Document, isScalar, type Node, Scalar, visit } from "yaml";
import type { Written } from "./model/kinds.ts";

/** What YAML 1.1 takes for a boolean, number, date or nothing: a string that says so is quoted. */
const RESERVED =
  /^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|<<|=)$|^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?)$|^\d{4}-\d\d?-\d\d?(?:[Tt ].*)?$|^$/;

/** YAML as docker compose writes it: lists one step in, what looks like another type in double quotes. */
export function writeYaml(value: Written): string {
  const document = new Document(value);
  visit(document, {
    Scalar: (_key, node) => {
      quoteLikeGo(node);
    },
  });
  return document.toString({
    indent: 2,
    indentSeq: true,
    lineWidth: 0,
    minContentWidth: 0,
    singleQuote: true,
  });
}

function quoteLikeGo(node: Node): void {
  if (!isScalar(node) || typeof node.value !== "string") return;
  if (RESERVED.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
  else if (node.value.includes("\n")) node.type = Scalar.BLOCK_LITERAL;
}
