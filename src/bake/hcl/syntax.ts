import type { SourceRange } from "./source.ts";
import type { Value } from "./value.ts";

/** What HCL's text means, as a tree. Each node knows where it stands. */
export type Expression = { readonly range: SourceRange } & ExpressionNode;

type ExpressionNode =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[] }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly key: Expression }
  | { readonly kind: "splat"; readonly of: Expression; readonly steps: readonly SplatStep[] }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly nameRange: SourceRange;
      readonly args: readonly Expression[];
      /** The last argument is a list of arguments: `f(list...)`. */
      readonly expandsLast: boolean;
    }
  | { readonly kind: "unary"; readonly operator: "-" | "!"; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | { readonly kind: "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly items: readonly ObjectItem[] }
  | ForExpression;

export interface ForExpression {
  readonly kind: "for";
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  /** Makes an object; absent for a tuple. */
  readonly key: Expression | undefined;
  readonly value: Expression;
  /** `...`: values with the same key become a tuple. */
  readonly groups: boolean;
  readonly condition: Expression | undefined;
}

export type BinaryOperator =
  | "||"
  | "&&"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";

/** What is taken of every element: `x[*].name[0]`. */
export type SplatStep =
  | { readonly kind: "attribute"; readonly name: string; readonly range: SourceRange }
  | { readonly kind: "index"; readonly key: Expression; readonly range: SourceRange };

export interface ObjectItem {
  /** A bare word is its own key. */
  readonly key: Expression;
  readonly value: Expression;
}

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "interpolation"; readonly expression: Expression }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly whenTrue: readonly TemplatePart[];
      readonly whenFalse: readonly TemplatePart[];
    }
  | {
      readonly kind: "for";
      readonly keyName: string | undefined;
      readonly valueName: string;
      readonly collection: Expression;
      readonly parts: readonly TemplatePart[];
    };

export interface Attribute {
  readonly name: string;
  readonly nameRange: SourceRange;
  readonly expression: Expression;
}

export interface Block {
  readonly type: string;
  readonly typeRange: SourceRange;
  readonly labels: readonly { readonly text: string; readonly range: SourceRange }[];
  readonly body: Body;
}

export interface Body {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
}
